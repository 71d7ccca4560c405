"""Types of rate limits at work: nothing of it is for Python."""
