"""Types of answers with agent cards: nothing of it is for Python."""
