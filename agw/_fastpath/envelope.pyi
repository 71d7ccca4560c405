"""Types of the scan of A2A's JSON; for tests and fuzzing."""

from collections.abc import Iterable

def scan_envelope(
    pieces: Iterable[bytes], rest: bool = False, answer: bool = False
) -> tuple[int, tuple[bytes | None, ...]]:
    """Scan a body in these pieces: (Unknown, the texts by Slot: None where absent or of no use).

    Of an answer: (Unknown, (id of the task, of its context, its state)).
    """
