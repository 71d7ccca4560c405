"""Types of rendezvous hashing; for tests."""

def spot(name: bytes) -> int:
    """Whom a place is, by the bytes of its name."""

def rank(named: bytes, spot: int) -> int:
    """How much an id is drawn to a place: it belongs where that is greatest."""

def distance(named: bytes, spot: int, weight: int) -> float:
    """The same where places have weights: it belongs where this is least."""
