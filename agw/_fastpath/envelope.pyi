"""Types of the scan of an A2A request's JSON; for tests and fuzzing."""

from collections.abc import Iterable

def scan_envelope(pieces: Iterable[bytes], rest: bool = False) -> tuple[int, tuple[bytes | None, ...]]:
    """Scan a body in these pieces: (Unknown, the texts by Slot: None where absent or of no use)."""
