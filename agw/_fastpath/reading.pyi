"""Types of the reading of A2A requests: nothing of it is for Python."""

from typing import final

@final
class Reading:
    """The JSON-RPC envelope of an exchange's request."""
