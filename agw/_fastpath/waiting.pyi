"""Types of waiting exchanges: nothing of it is for Python."""
