"""Types of filters at work: nothing of it is for Python."""
