"""Types of what is heard of agents' answers: nothing of it is for Python."""

from typing import final

from agw._fastpath.poller import Timed

@final
class Hearing(Timed):
    """An answer of an A2A agent that somebody wants to know something of."""
