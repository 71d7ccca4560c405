"""Types of the client codec: nothing of it is for Python but its names."""

from agw._fastpath.exchange import Connector, Upstream

class Http1Upstream(Upstream):
    """A connection to an endpoint."""

class Http1Connector(Connector):
    """Opens HTTP/1.1 connections."""
