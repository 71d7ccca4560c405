"""Types of the server codec, as far as Python sees it."""

from typing import final

from agw._fastpath.exchange import Downstream

@final
class Http1Downstream(Downstream):
    """A client connection."""
