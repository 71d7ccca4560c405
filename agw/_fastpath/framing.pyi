"""Types of framing: nothing of it is for Python."""
