"""Types of cards: nothing of it is for Python."""
