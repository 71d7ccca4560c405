"""Types of the lines: nothing of them is for Python."""

from agw._fastpath.poller import Timed

class Waiter(Timed):
    """Something that waits in a line for its turn."""
