"""Types of cards: nothing of it is for Python."""

from typing import final

@final
class HeldCard:
    """A card on its way, held back until it has been looked at."""
