"""Types of forwarding: nothing of it is for Python."""
