"""How a connection of the publishing stream ends."""

import asyncio

import pytest

from agw.snapshot import link
from agw.snapshot.link import Link


class Transport:
    """As asyncio's TLS transport of Python 3.11.2: once it has closed there is nothing left that it could abort."""

    def __init__(self):
        self.closed = False
        self.aborted = False

    def set_write_buffer_limits(self, high):
        pass

    def abort(self):
        if self.closed:
            raise AttributeError("'NoneType' object has no attribute '_abort'")
        self.aborted = True


class Writer:
    def __init__(self, fault=None):
        self.transport = Transport()
        self.fault = fault

    def close(self):
        pass

    async def wait_closed(self):
        if self.fault is TimeoutError:
            await asyncio.sleep(60)
        self.transport.closed = True
        if self.fault is not None:
            raise self.fault


@pytest.mark.parametrize("fault", [None, ConnectionResetError, BrokenPipeError])
def test_what_has_closed_is_left_alone(fault):
    writer = Writer(fault)
    asyncio.run(Link(None, writer, None).close())
    assert writer.transport.closed
    assert not writer.transport.aborted


def test_what_does_not_close_is_aborted(monkeypatch):
    monkeypatch.setattr(link, "_CLOSE", 0.01)
    writer = Writer(TimeoutError)
    asyncio.run(Link(None, writer, None).close())
    assert writer.transport.aborted
