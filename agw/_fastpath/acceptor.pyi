"""Types of listening sockets, as far as Python sees them."""

from typing import final

from agw._fastpath.exchange import Context
from agw._fastpath.poller import Source

@final
class Acceptor(Source):
    """A listening socket."""

    port: int
    def __init__(self, context: Context, fd: int, port: int) -> None: ...
    def close(self) -> None:
        """Accept no more; connections that exist live on."""
