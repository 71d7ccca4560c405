"""Types of the client codec: nothing of it is for Python but its names."""

from typing import final

from agw._fastpath.exchange import Connector, Upstream

@final
class Http1Upstream(Upstream):
    """A connection to an endpoint."""

@final
class Http1Connector(Connector):
    """Opens HTTP/1.1 connections."""
