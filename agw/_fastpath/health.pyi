"""Types of an endpoint's health. Times are milliseconds of one monotonic clock."""

from typing import Final, Self, final

@final
class Health:
    """The health of one endpoint, as one worker sees it.

    state: 0 serving, 1 ejected, 2 on trial, 3 returning. kind: 0 a failed connect, 1 no valid answer.
    """

    quiet: Final[bool]
    down: Final[bool]
    state: Final[int]
    points: Final[int]
    ejections: Final[int]
    def __new__(cls) -> Self: ...
    def share(self, now_ms: int) -> int:
        """The part of its share that it takes now, permille; 0 where it takes nothing."""
    def out(self) -> bool:
        """Whether it is out of service: what the floor counts."""
    def failed(self, kind: int, now_ms: int) -> bool:
        """Count a failure; tell whether it has earned an ejection. One that is ejected already earns nothing more."""
    def eject(self, kind: int, now_ms: int) -> None:
        """Take it out, for twice as long as the last time."""
    def begin_trial(self) -> None:
        """It has been picked after its back-off."""
    def end_trial(self, now_ms: int) -> None:
        """The request on trial is over; where it proved nothing (the client went away), the next one is a trial too."""
    def hasten(self, now_ms: int) -> None:
        """Make its trial due: the others are no better."""
    def reached(self, now_ms: int) -> bool:
        """A connection stands. True where that brings it back."""
    def succeeded(self, now_ms: int) -> bool:
        """It has answered. True where that brings it back."""
    def mark(self, down: bool) -> None:
        """Take what active checks say."""
