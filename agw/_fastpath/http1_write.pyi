"""Types of the head writer: nothing of it is for Python."""
