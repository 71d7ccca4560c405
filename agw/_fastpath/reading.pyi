"""Types of the reading of A2A requests: nothing of it is for Python."""
