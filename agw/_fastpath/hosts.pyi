"""The compiled hostname sets have no Python interface; the table uses them."""
