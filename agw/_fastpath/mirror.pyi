"""Types of mirrors: nothing of it is for Python."""

from typing import Self, final

from agw._fastpath.exchange import Downstream

@final
class Nowhere(Downstream):
    """The client's side of a copy."""

    def __new__(cls) -> Self: ...
