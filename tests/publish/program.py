"""A replica of a controller without a cluster: Gateways come on stdin, and what data planes say goes to stdout.

Arguments: the folder of its certificates, tokens and bundle, and the port. Lines in: {"publish": GATEWAY, "entries": ..},
{"remove": GATEWAY}, {"lead": true}, {"retire": true}. Lines out: {"listening": PORT}, and one for each callback.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from agw.controller.publish.identity import Identity, NotAuthenticated, Plane
from agw.controller.publish.keeper import Keeper
from agw.controller.publish.publisher import Callbacks, Publisher, listening_socket
from agw.dataplane.logs import Log
from agw.snapshot.model import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Line(msgspec.Struct):
    """One thing to do."""

    publish: str = ""
    entries: dict[str, Entry] = {}
    remove: str = ""
    lead: bool = False
    retire: bool = False


class Files:
    """A store of certificates in a folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "certificates"
        self._seen: bytes | None = None

    async def read(self) -> Mapping[str, bytes] | None:
        self._seen = self._path.read_bytes() if self._path.exists() else None
        return msgspec.msgpack.decode(self._seen, type=dict[str, bytes]) if self._seen is not None else None

    async def write(self, data: Mapping[str, bytes]) -> bool:
        there = self._path.read_bytes() if self._path.exists() else None
        if there != self._seen:
            return False
        self._path.write_bytes(msgspec.msgpack.encode(data))
        return True


def tell(**what: object) -> None:
    print(json.dumps(what), flush=True)


def hear(what: str) -> Callable[[Plane], None]:
    return lambda plane: tell(
        event=what, pod=plane.pod, version=plane.version, refused=plane.refused, reason=plane.reason
    )


async def main(folder: Path, port: int) -> None:
    log = Log("debug")
    keeper = Keeper(Files(folder), ("localhost",), log)
    await keeper.refresh()
    (folder / "ca.crt").write_bytes(keeper.bundle)

    async def authenticate(token: str) -> Identity:
        known = json.loads((folder / "tokens.json").read_text())
        if token not in known:
            raise NotAuthenticated("the token is not known")
        return Identity(known[token])

    callbacks = Callbacks(hear("connected"), hear("acknowledged"), hear("refused"), hear("gone"))
    publisher = Publisher(authenticate, lambda gateway: gateway.replace("/", "/made-"), log, callbacks)
    publisher.use(keeper.context())
    listening = listening_socket("127.0.0.1", port)
    serving = asyncio.ensure_future(publisher.serve(listening))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, serving.cancel)
    commands = asyncio.ensure_future(take(publisher))
    tell(listening=listening.getsockname()[1])
    await asyncio.gather(serving, return_exceptions=True)
    commands.cancel()


async def take(publisher: Publisher) -> None:
    reader = asyncio.StreamReader(limit=1 << 28)
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    while text := await reader.readline():
        line = msgspec.json.decode(text, type=Line)
        if line.publish:
            publisher.publish(line.publish, line.entries)
        if line.remove:
            publisher.remove(line.remove)
        if line.retire:
            publisher.retire()
        if line.lead:
            publisher.lead()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
