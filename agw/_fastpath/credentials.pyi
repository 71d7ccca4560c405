"""Types of credentials: nothing of it is for Python."""
