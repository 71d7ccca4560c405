"""Types of affinity: nothing of it is for Python."""
