"""Types of the stream: nothing of it is for Python."""

from agw._fastpath.poller import Source

class Stream(Source):
    """A non-blocking socket with a write buffer."""
