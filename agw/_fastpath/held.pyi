"""Types of the kept request: nothing of it is for Python."""

from typing import Self, final

@final
class Held:
    """A deep copy of a request's head, and body bytes."""

    def __new__(cls) -> Self: ...
