"""A worker is killed: whoever is not on it notices nothing, and nobody is refused."""

import asyncio
import os
import re
import signal
from contextlib import AsyncExitStack
from pathlib import Path

from tests.e2e.gateway import FOO, SEED, eventually, resolve_to, running
from tests.e2e.people import get
from tests.e2e.raw import STREAM, Client, Upstream

HOST = "127.0.0.1"
KEY = {"X-API-Key": FOO}
ENOUGH = 24  # connections: that all of them land on one of two workers has a chance of one in eight million


def workers(front):
    """Pids of the workers, by index."""
    return [int(pid) for pid in re.findall(r"worker \d+: pid (\d+)", get(front.admin, "/readyz?verbose")[1].decode())]


def owner(pids, server_port, client_port):
    """The process that holds the gateway's end of a connection, by the kernel's tables."""
    ends = [f":{server_port:04X}", f":{client_port:04X}"]
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inode = next(row[9] for row in rows if row[1].endswith(ends[0]) and row[2].endswith(ends[1]))
    return next(
        pid for pid in pids if f"socket:[{inode}]" in {str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir()}
    )


def test_killing_a_worker_is_not_noticed_by_the_other_and_refuses_nobody(tmp_path):
    async def scenario():
        async with AsyncExitStack() as stack:
            upstream = await stack.enter_async_context(Upstream())
            arguments = ("-f", str(SEED), resolve_to(upstream.port))
            front = await stack.enter_async_context(running(tmp_path, *arguments, workers=2))
            pids = workers(front)
            clients = [await stack.enter_async_context(Client(HOST, front.port, KEY)) for _ in range(ENOUGH)]
            assert {(await client.request("GET", "/")).status for client in clients} == {200}
            victim = pids[0]
            spared = [client for client in clients if owner(pids, front.port, client.local_port) != victim]
            assert 0 < len(spared) < ENOUGH
            streaming, *plain = spared
            assert (await streaming.begin("POST", STREAM, b"{}"))[0] == 200
            await upstream.listening(1)

            os.kill(victim, signal.SIGKILL)

            async def connect(number):
                async with Client(HOST, front.port, KEY) as client:
                    return (await client.request("GET", f"/new-{number}")).status

            new = [asyncio.create_task(connect(number)) for number in range(ENOUGH)]
            assert {(await client.request("GET", "/")).status for client in plain} <= {200}
            upstream.publish(b"data: still here\r\n\r\n")
            assert await anext(streaming.events()) == b"data: still here\r\n\r\n"
            assert set(await asyncio.gather(*new)) == {200}

            async def replaced():
                now = await asyncio.to_thread(workers, front)
                return len(now) == len(pids) and victim not in now and pids[1] in now

            await eventually(replaced, "another worker stands in")
            assert {(await client.request("GET", "/")).status for client in plain} <= {200}
            exits = await asyncio.to_thread(front.total, "agw_worker_exits_total")
            assert exits == 1

    asyncio.run(scenario())
