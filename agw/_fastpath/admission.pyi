"""Types of admission: nothing of it is for Python."""
