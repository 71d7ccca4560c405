"""Types of the server codec, as far as Python sees it."""

from typing import final

from agw._fastpath.exchange import Context, Downstream
from agw._fastpath.poller import Source

@final
class Http1Downstream(Downstream):
    """A client connection."""

@final
class Acceptor(Source):
    """A listening socket."""

    port: int
    def __init__(self, context: Context, fd: int, port: int) -> None: ...
    def close(self) -> None:
        """Accept no more; connections that exist live on."""
