"""One data plane's connection, from its accepted Hello to its end.

    Hello -> known digest ---------------------> Current | Update -> Update*
          -> unknown digest: Compare . Inventory -> Current | Update -> Update*

Rules: what a data plane lacks is computed when it can take it, from where it is: a hundred publications that a slow one
missed are one Update, and nothing queues. An inventory is taken where it was asked for, within `INVENTORY` seconds, and
no larger than what is published could need; one that is larger is thrown away as it comes, and everything is sent. Few of
a Gateway are asked at a time: what one of them has, the next ones mostly have too. From time to time it has to show a fresh token; where the API server cannot
be asked, that waits, since a configuration must not be lost by an outage.

Must not: decide who may come in, or keep anything of the Gateway's.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from agw.controller.publish.identity import Parted, Plane
from agw.controller.publish.ledger import Base, Ledger
from agw.snapshot.link import Link, race
from agw.snapshot.stream import (
    MAX_INVENTORY,
    MAX_MESSAGE,
    MAX_REASON,
    Acknowledge,
    Compare,
    Current,
    Hello,
    Inventory,
    Parting,
    Ping,
    Refuse,
    Renew,
    StreamError,
    ToController,
    Token,
    frame,
)

RENEW = 600.0
"""Seconds between two looks at a data plane's token, on the average."""

INVENTORY = 30.0
"""Seconds for an inventory, once it was asked for."""

AT_ONCE = 2
"""Inventories of one Gateway that are waited for at the same time."""

_RENEW_PATIENCE = 60.0
_COMPARE = frame(Compare())
_RENEW = frame(Renew())


@dataclass(frozen=True, slots=True)
class Published:
    """What is published of one Gateway. gate: who of its data planes is asked what it has."""

    ledger: Ledger
    gate: asyncio.Semaphore


class Session:
    """One data plane that is connected. plane: what is known of it, a new value at each change."""

    def __init__(
        self,
        link: Link[ToController],
        plane: Plane,
        published: Published,
        verify: Callable[[str], Awaitable[None]],
        tell: Callable[[Plane, Plane], None],
    ) -> None:
        """Serve a data plane. verify: a fresh token; raises Parted. tell: of what changed, before and after."""
        self.plane = plane
        self._link = link
        self._ledger = published.ledger
        self._gate = published.gate
        self._verify = verify
        self._tell = tell
        self._base: Base | None = None  # where it is, with what was sent; None while that is being found out
        self._asked: asyncio.Future[Mapping[str, bytes] | None] | None = None  # for its inventory; None: too large
        self._sent = 0  # the newest version that it was sent or has
        self._news = asyncio.Event()
        self._fresh = asyncio.Event()  # no token is owed
        self._fresh.set()
        self._parted: Parted | None = None
        self._over = asyncio.Event()

    def wake(self) -> None:
        """Note that there is something new."""
        self._news.set()

    def part(self, reason: Parting, message: str) -> None:
        """End it with this Goodbye."""
        self._parted = self._parted or Parted(reason, message)
        self._over.set()

    async def run(self, hello: Hello) -> None:
        """Serve until the connection ends; raises what ended it."""
        await race(
            self._begin_and_publish(hello), self._listen(), self._link.keep_alive(), self._renew(), self._over.wait()
        )
        if self._parted is not None:
            raise self._parted

    # Publishing

    async def _begin_and_publish(self, hello: Hello) -> None:
        await self._begin_from(hello.digest)
        while True:
            await self._news.wait()
            self._news.clear()
            await self._catch_up()

    async def _begin_from(self, known: bytes | None) -> None:
        """Find out where the data plane is. known: its digest; None where it is somewhere that is forgotten."""
        base = self._ledger.base_of(known) if known is not None else None
        if base is None:
            async with self._gate:
                base = self._ledger.base_of(known) if known is not None else None
                base = base or await self._compare(known)
        self._base = base
        self._news.set()
        if base == Base(self._ledger.version):
            self._sent = base.version
            await self._link.send(frame(Current(base.version)))

    async def _compare(self, known: bytes | None) -> Base:
        """Ask what the data plane has."""
        receiver = self._link.receiver
        self._asked = asyncio.get_running_loop().create_future()
        receiver.limit, receiver.passable = min(self._ledger.inventory_limit, MAX_INVENTORY), MAX_INVENTORY
        await self._link.send(_COMPARE)
        try:
            async with asyncio.timeout(INVENTORY):
                hashes = await self._asked
        except TimeoutError:
            raise StreamError(f"no inventory within {INVENTORY:g} s") from None
        finally:
            receiver.limit, receiver.passable = MAX_MESSAGE, 0
            self._asked = None
        return Base() if hashes is None else self._ledger.meet(known or b"", hashes)

    async def _catch_up(self) -> None:
        """Send what is lacking now, if it is known where the data plane is."""
        base, latest = self._base, self._ledger.version
        if base is None or base == Base(latest):
            return
        update = self._ledger.update_from(base)
        if update is None:
            self._base = None
            await self._begin_from(None)
            return
        self._base, self._sent = Base(latest), latest
        await self._link.send(update)

    # Listening

    async def _listen(self) -> None:
        while True:
            for message in await self._link.receive():
                await self._take(message)
            if self._link.receiver.passed:
                self._link.receiver.passed = 0
                self._take_inventory(None)

    async def _take(self, message: ToController) -> None:
        match message:
            case Acknowledge(version) if 0 < version <= self._sent:
                self._acknowledge(version)
            case Refuse(version, reason) if 0 < version <= self._sent:
                self._refuse(version, reason)
            case Inventory(hashes) if self._asked is not None:
                self._take_inventory(hashes)
            case Token(token) if not self._fresh.is_set():
                await self._verify(token)
                self._fresh.set()
            case Ping():
                pass
            case _:
                raise StreamError(f"{type(message).__name__} has no place here")

    def _take_inventory(self, hashes: Mapping[str, bytes] | None) -> None:
        if self._asked is None or self._asked.done():
            raise StreamError("an inventory that nobody has asked for")
        self._link.receiver.limit, self._link.receiver.passable = MAX_MESSAGE, 0
        self._asked.set_result(hashes)

    def _acknowledge(self, version: int) -> None:
        if version > self.plane.version:
            plane = replace(self.plane, version=version)
            self._change(plane if plane.refused > version else replace(plane, refused=0, reason=""))

    def _refuse(self, version: int, reason: str) -> None:
        """Take a refusal, one of each version: who says more says nothing new."""
        if version > max(self.plane.refused, self.plane.version):
            self._change(replace(self.plane, refused=version, reason=_printable(reason)))

    def _change(self, plane: Plane) -> None:
        before, self.plane = self.plane, plane
        if before != plane:
            self._tell(before, plane)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW * random.uniform(0.5, 1.5))  # noqa: S311 - spread, not a secret
            self._fresh.clear()
            await self._link.send(_RENEW)
            try:
                async with asyncio.timeout(_RENEW_PATIENCE):
                    await self._fresh.wait()
            except TimeoutError:
                raise Parted(Parting.UNAUTHENTICATED, "no fresh token was shown") from None


def _printable(reason: str) -> str:
    """Give a reason that a line of a log, a condition and an Event can hold."""
    text = reason[:MAX_REASON]
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")
