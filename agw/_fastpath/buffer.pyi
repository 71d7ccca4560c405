"""Types of the buffer counter."""

def live() -> int:
    """How many buffers hold memory."""
