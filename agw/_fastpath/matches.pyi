"""The compiled candidates at one path have no Python interface; the table uses them."""
