"""Types of retries: nothing of it is for Python."""
