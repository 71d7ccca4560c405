"""Types of the limit of event streams at work: nothing of it is for Python."""
