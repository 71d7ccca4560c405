"""Types of the seats of event streams."""

from typing import Self, final

def seats_size(columns: int) -> int:
    """Bytes of a table for so many processes."""

def prepare_seats(memory: memoryview | bytearray, columns: int) -> None:
    """Make a table of zeroed memory of that size."""

def vacate(memory: memoryview | bytearray, column: int) -> None:
    """Nobody has this column any more: what was taken by it is free."""

def unlock(memory: memoryview | bytearray, pid: int) -> None:
    """This process has ended: if it had the lock, nobody has it now."""

@final
class Seats:
    """The table, mapped by one process. Raises ValueError for memory or a column that cannot be."""

    columns: int
    column: int
    def __new__(cls, memory: memoryview | bytearray, column: int) -> Self: ...
    def try_take(self, tag: int, most: int) -> int:
        """For tests: take a seat, see seats.pxd."""
    def try_leave(self, row: int) -> None:
        """For tests: give one back."""
    def taken(self, tag: int) -> int:
        """For tests: how many are taken."""

def own_seats() -> Seats:
    """Seats of a process that shares them with nobody."""
