"""Types of the exchange and what it needs of codecs, as far as Python sees them."""

from typing import Self, final

from agw._fastpath.line import Waiter
from agw._fastpath.poller import Poller
from agw._fastpath.pool import Pool
from agw._fastpath.stream import Stream

@final
class Context:
    """What all exchanges of a worker share."""

    def __new__(cls, poller: Poller, pool: Pool, counters: memoryview, records: memoryview, head: int) -> Self: ...

class Downstream(Stream):
    """The client's side of an exchange."""

class Upstream(Stream):
    """The agent's side of an exchange."""

class Connector:
    """How a connection to an endpoint is made."""

@final
class Exchange(Waiter):
    """One request and its response."""
