"""Types of upgrade: nothing of it is for Python."""
