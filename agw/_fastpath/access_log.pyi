"""Types of the access log."""

from typing import final

@final
class AccessLog:
    """Writes a JSON line for each request, from a thread that never holds the GIL.

    path: a file, made where there is none, appended to, and opened again where it was moved away. "": fd instead, of
    which a duplicate is kept. counters: writable shared memory, see agw._fastpath.record. starts: a line when an event
    stream begins, too. Raises OSError where the file cannot be opened.
    """

    def __init__(self, path: str, fd: int, *, counters: memoryview, starts: bool = False) -> None: ...
    def put(self, record: bytes) -> None:
        """Write the line of a record that has RECORD_SIZE bytes; for tests and measurements."""
    def close(self) -> None:
        """Write what waits, for half a second at most, and end the thread; twice is once."""
