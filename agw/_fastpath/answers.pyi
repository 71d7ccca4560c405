"""Types of the local answers, of which Python has one to look at, for tests."""

def largest_error() -> tuple[int, int]:
    """Bytes of the largest answer of JSON-RPC, its id among them, and the room that there is for one."""
