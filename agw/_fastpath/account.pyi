"""Types of account: nothing of it is for Python."""
