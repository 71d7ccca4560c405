"""Types of the names of A2A's members: nothing of them is for Python."""
