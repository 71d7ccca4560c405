"""Types of the scan of event streams; for tests and fuzzing."""

from collections.abc import Iterable

def split_events(pieces: Iterable[bytes]) -> tuple[list[bytes], bool]:
    """Scan a stream in these pieces: (the data of each event that is complete, whether its end is a boundary)."""
