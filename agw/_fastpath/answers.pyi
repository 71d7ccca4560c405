"""Types of the local answers: nothing of them is for Python."""
