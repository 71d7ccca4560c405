"""The compiled paths of one hostname have no Python interface; the table uses them."""
