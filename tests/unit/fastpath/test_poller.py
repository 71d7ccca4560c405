"""What a poller leaves behind: nothing that it, or what it borrowed, would still be found by."""

from __future__ import annotations

import asyncio
import gc
import socket

import uvloop

from agw._fastpath import record
from agw._fastpath.buffer import live
from agw._fastpath.poller import Poller
from agw._fastpath.reactor import Reactor
from agw._fastpath.table import compile_table
from tests.wire.gateway import GET, entries, until


def counts(reactor):
    """Return what is alive in the reactor's poller."""
    [poller] = [each for each in gc.get_referents(reactor) if isinstance(each, Poller)]
    return poller.counts()


def test_closing_leaves_no_deadline_behind():
    """An exchange has a deadline of its own, is no socket, and its memory may be another's by the time that passes."""

    async def case():
        asked = asyncio.Event()

        async def silent(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            asked.set()
            await reader.read()
            writer.close()

        agent = await asyncio.start_server(silent, "127.0.0.1", 0)
        reactor = Reactor(
            asyncio.get_running_loop(),
            counters=memoryview(bytearray(record.COUNTERS_SIZE)),
            records=memoryview(bytearray(record.RECORDS_SIZE)),
        )
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(0)
            reactor.start()
            reactor.listen(listener.fileno(), 80)
            table = entries(agent.sockets[0].getsockname()[1], request_timeout_ms=600_000)
            reactor.swap(compile_table(table, 1))
            _, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(GET)
            await asked.wait()
            await until(lambda: reactor.live()["exchanges"] == 1, "an exchange")
            assert counts(reactor)["timers"] > 0
            reactor.close()
            assert counts(reactor) == {"sources": 0, "timers": 0}
            writer.close()
        agent.close()

    before = live()
    uvloop.run(case())
    gc.collect()  # what was in progress is a circle
    assert live() == before
