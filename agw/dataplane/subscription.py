"""The configuration source of `agw proxy`: a subscription at the controller, and the copy on disk for when it is away.

    disk ----> mirror ----> ConfigUpdate ----> supervisor ----> State
    stream --> mirror                              `--> look(): acknowledge or refuse; save what is in force

Rules: what was received stays in force until something else is, whatever becomes of the connection; no answer of a
controller, and no failure to reach one, takes a configuration away. The stream is read while the supervisor works, and
what comes meanwhile becomes one update. A connection that ends is tried again at once, then at times that nobody else
has, `LONGEST` apart at most. What is in force is saved after a second without a change, after five at latest, and at
the end.

Must not: serve anything, or end because of what it is told.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agw import __version__
from agw.dataplane import saved
from agw.dataplane.dial import (
    LEADERLESS,
    LONGEST,
    Dismissed,
    Leaderless,
    Unreachable,
    Where,
    addresses,
    backoff,
    connect,
    read_token,
)
from agw.dataplane.logs import Log
from agw.dataplane.mirror import Diverged, Mirror
from agw.dataplane.state import ConfigUpdate, Origin, State
from agw.settings import Address
from agw.snapshot.codec import FORMAT, SnapshotError
from agw.snapshot.link import Link, race
from agw.snapshot.model import Entry
from agw.snapshot.stream import (
    MAX_REASON,
    PROTOCOL,
    Acknowledge,
    Compare,
    Current,
    Goodbye,
    Hello,
    Inventory,
    Ping,
    Refuse,
    Renew,
    StreamError,
    ToDataPlane,
    Token,
    Update,
    frame,
)

ANSWER = 15.0
"""Seconds that a controller may take to answer a Hello."""

STEADY = 5.0
"""Seconds after which a connection that ends is no failed attempt."""

_SAVE_CALM = 1.0  # seconds without a change
_SAVE_AT_LATEST = 5.0  # seconds after the first
_SAVE_AGAIN = 10.0  # seconds, where the disk did not take it
_KEPT = 2  # generations before the newest that may still come in force
_TELL_AGAIN = 60.0  # seconds after which the same failure is logged again
_DISK, _CONTROLLER = "the copy on disk", "the controller"


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Who subscribes. gateway: "namespace/name". pod: its name, for people. folder: where the copy is kept."""

    gateway: str
    pod: str
    folder: Path


@dataclass(frozen=True, slots=True)
class _Handed:
    """What a generation was. origin: where it came from."""

    entries: Mapping[str, Entry]
    origin: str


@dataclass(slots=True)
class _Conversation:
    """One connection. latest: newest version received. acknowledged, refused: newest that was."""

    latest: int = 0
    acknowledged: int = 0
    refused: int = 0


class Subscription:
    """An asynchronous iterator of ConfigUpdate, as the supervisor takes it."""

    def __init__(self, where: Where, subscriber: Subscriber, log: Log) -> None:
        """Nothing is read or connected before it is iterated."""
        self._where = where
        self._subscriber = subscriber
        self._log = log
        self._mirror = Mirror()
        self._changed: set[str] | None = set()  # keys received and not handed over; None: any
        self._news = asyncio.Event()
        self._generation = 0
        self._handed: dict[int, _Handed] = {}  # generations that are in force or may come to be
        self._versions: dict[int, int] = {}  # generation -> version on this connection
        self._state = State()
        self._conversation = _Conversation()
        self._answers = asyncio.Event()
        self._to_save: Mapping[str, Entry] | None = None
        self._saving = asyncio.Event()
        self._one_at_a_time = threading.Lock()
        self._saved: Mapping[str, Entry] | None = None
        self._hurry = asyncio.Event()
        self._connection = "not connected yet"
        self._is_connected = False
        self._told: tuple[str, float] = ("", 0.0)
        self._trouble = ""  # why the copy cannot be saved

    # For the supervisor

    async def __aiter__(self) -> AsyncIterator[ConfigUpdate]:
        """Yield the copy on disk, if there is one, then what the controller publishes."""
        update = await self._from_disk()
        if update is not None:
            yield update
        work = asyncio.ensure_future(race(self._stay_subscribed(), self._keep_saved()))
        work.add_done_callback(lambda _: self._news.set())
        try:
            while not work.done():
                await self._news.wait()
                self._news.clear()
                if self._changed is None or self._changed or self._conversation.latest > self._newest():
                    yield self._hand_over(_CONTROLLER)
            await work
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            self._save(self._to_save)

    def look(self, state: State) -> None:
        """Take what the supervisor says of itself; called in its loop."""
        before, self._state = self._state, state
        if state.generation != before.generation:
            for generation in [known for known in self._handed if known < state.generation]:
                del self._handed[generation]
            handed = self._handed.get(state.generation)
            if handed is not None and handed.entries is not self._saved:
                self._to_save = handed.entries
                self._saving.set()
        self._answers.set()

    def refresh(self) -> None:
        """Try to connect now, if it is waiting to (SIGHUP)."""
        self._hurry.set()

    def describe(self) -> Origin:
        """Say where the configuration in force is from, and how it stands with the controller."""
        handed = self._handed.get(self._state.generation)
        origin = f"from {handed.origin}" if handed is not None else "none yet"
        return Origin(f"Gateway {self._subscriber.gateway}: {origin}; {self._connection}", connected=self._is_connected)

    # Handing over

    async def _from_disk(self) -> ConfigUpdate | None:
        found = await asyncio.to_thread(saved.load, self._subscriber.folder, self._subscriber.gateway)
        if found.reason:
            self._log.warning("the copy of the last configuration is not used", reason=found.reason)
        if found.entries is None:
            return None
        self._mirror.take(found.entries)
        self._saved = found.entries
        self._log.info("starting from the copy of the last configuration", entries=len(found.entries))
        return self._hand_over(_DISK)

    def _newest(self) -> int:
        """Give the newest version of this connection that was handed over."""
        return max(self._versions.values(), default=0)

    def _hand_over(self, origin: str) -> ConfigUpdate:
        self._generation += 1
        self._forget()
        changed, self._changed = self._changed, set()
        first = self._generation == 1
        self._handed[self._generation] = _Handed(self._mirror.entries, origin)
        if self._conversation.latest:
            self._versions[self._generation] = self._conversation.latest
        return ConfigUpdate(
            self._mirror.entries,
            generation=self._generation,
            changed=None if first or changed is None else frozenset(changed),
        )

    def _forget(self) -> None:
        """Forget generations that will not come in force any more: a refused one never does."""
        oldest = self._generation - _KEPT
        for generation in [known for known in self._handed if known < oldest and known != self._state.generation]:
            del self._handed[generation]
        for generation in [known for known in self._versions if known < oldest]:
            del self._versions[generation]

    # The connection

    async def _stay_subscribed(self) -> None:
        loop = asyncio.get_running_loop()
        attempt, most = 0, LONGEST
        while True:
            await self._pause(backoff(attempt, most))
            begun = loop.time()
            try:
                await self._try_all()
            except (Unreachable, Dismissed, StreamError, Diverged, EOFError, OSError) as error:
                most = LEADERLESS if isinstance(error, Leaderless) else LONGEST
                self._tell_lost(str(error), loop.time())
            attempt = 0 if self._conversation.latest and loop.time() - begun >= STEADY else attempt + 1

    async def _pause(self, seconds: float) -> None:
        self._hurry.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurry.wait()

    def _tell_lost(self, reason: str, now: float) -> None:
        """Log a failure, the same one only now and then."""
        self._connection = f"not connected to the controller ({reason})"
        self._is_connected = False
        known, since = self._told
        if reason != known or now - since >= _TELL_AGAIN:
            self._told = (reason, now)
            self._log.warning("not connected to the controller, what is in force stays so", reason=reason)

    async def _try_all(self) -> None:
        """Talk to the first address that takes this data plane; raise what all said where none does."""
        said: list[str] = []
        leaderless = True
        for address in await addresses(self._where.controller):
            self._conversation = _Conversation()
            self._versions.clear()
            try:
                link = await connect(self._where, address)
                await self._converse(link, Address(*address))
            except (Unreachable, Dismissed, StreamError, EOFError, OSError) as error:
                if self._conversation.latest:
                    raise
                dismissed = isinstance(error, Dismissed)
                said.append(f"{Address(*address)}: {error}" if dismissed else str(error))
                leaderless = leaderless and isinstance(error, Dismissed) and error.leads_not
        raise (Leaderless if leaderless else Unreachable)("; ".join(sorted(said)))

    async def _converse(self, link: Link[ToDataPlane], address: Address) -> None:
        try:
            await link.send(frame(self._hello()))
            await race(self._listen(link, address), self._answer(link), link.keep_alive())
        finally:
            await link.close()

    def _hello(self) -> Hello:
        token = read_token(self._where.token)
        digest, who = self._mirror.digest, self._subscriber
        return Hello(PROTOCOL, FORMAT, who.gateway, token, digest, who.pod, __version__)

    async def _listen(self, link: Link[ToDataPlane], address: Address) -> None:
        for message in await self._first(link):
            if not isinstance(message, Goodbye):
                self._connected(address)
            await self._take(link, message)
        while True:
            for message in await link.receive():
                await self._take(link, message)

    async def _first(self, link: Link[ToDataPlane]) -> list[ToDataPlane]:
        """Wait for the answer to Hello."""
        try:
            async with asyncio.timeout(ANSWER):
                while not (messages := await link.receive()):
                    pass
        except TimeoutError:
            raise StreamError(f"no answer within {ANSWER:g} s") from None
        return messages

    def _connected(self, address: Address) -> None:
        self._connection = f"connected to the controller at {address}"
        self._is_connected = True
        self._told = ("", 0.0)
        self._log.info("connected to the controller", address=address)

    async def _take(self, link: Link[ToDataPlane], message: ToDataPlane) -> None:
        match message:
            case Update():
                await self._apply(link, message)
            case Current(version):
                self._conversation.latest = version
                if self._changed == set() and self._generation:
                    self._versions[self._generation] = version
                    self._confirm()
                self._answers.set()
            case Compare():
                await link.send(frame(Inventory(self._mirror.inventory())))
            case Renew():
                await link.send(frame(Token(read_token(self._where.token))))
            case Goodbye():
                raise Dismissed(message)
            case Ping():
                pass

    def _confirm(self) -> None:
        """What came from the disk is what the controller publishes."""
        handed = self._handed.get(self._generation)
        if handed is not None:
            self._handed[self._generation] = _Handed(handed.entries, _CONTROLLER)

    async def _apply(self, link: Link[ToDataPlane], update: Update) -> None:
        try:
            touched = self._mirror.apply(update)
        except Diverged:
            self._mirror.forget()  # the next Hello says so, and everything is sent anew
            self._changed = None
            raise
        except SnapshotError as error:
            await link.send(frame(Refuse(update.version, str(error)[:MAX_REASON])))
            raise StreamError(str(error)) from None
        self._conversation.latest = update.version
        if self._changed is not None:
            self._changed |= touched
        self._news.set()

    # Answering

    async def _answer(self, link: Link[ToDataPlane]) -> None:
        """Acknowledge what comes in force, and refuse what the workers refuse."""
        while True:
            await self._answers.wait()
            self._answers.clear()
            talk, state = self._conversation, self._state
            version = self._versions.get(state.generation, 0)
            if version > talk.acknowledged:
                talk.acknowledged = version
                for generation in [known for known in self._versions if known < state.generation]:
                    del self._versions[generation]
                await link.send(frame(Acknowledge(version)))
            refused = self._versions.get(state.refused_generation, 0)
            if state.refused and refused > max(talk.refused, talk.acknowledged):
                talk.refused = refused
                reason = "; ".join(problem.message for problem in state.refused)
                await link.send(frame(Refuse(refused, reason[:MAX_REASON])))

    # The copy on disk

    async def _keep_saved(self) -> None:
        while True:
            await self._saving.wait()
            await self._calm()
            entries, self._to_save = self._to_save, None
            if await asyncio.to_thread(self._save, entries):
                continue
            self._keep_for_later(entries)
            await asyncio.sleep(_SAVE_AGAIN)

    async def _calm(self) -> None:
        """Wait until nothing has changed for a while: a copy made between two changes holds up the second."""
        loop = asyncio.get_running_loop()
        end = loop.time() + _SAVE_AT_LATEST
        while (left := end - loop.time()) > 0:
            self._saving.clear()
            try:
                async with asyncio.timeout(min(_SAVE_CALM, left)):
                    await self._saving.wait()
            except TimeoutError:
                break
        self._saving.clear()

    def _keep_for_later(self, entries: Mapping[str, Entry] | None) -> None:
        """Save these another time, if there is nothing newer by now."""
        if self._to_save is None:
            self._to_save = entries
        self._saving.set()

    def _save(self, entries: Mapping[str, Entry] | None) -> bool:
        """Save what is in force. A lock, since the last one may come while a thread is still at the one before."""
        if entries is None:
            return True
        try:
            with self._one_at_a_time:
                saved.save(self._subscriber.folder, self._subscriber.gateway, entries)
        except OSError as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                self._log.warning("the configuration cannot be saved for the next start", reason=error)
            return False
        self._saved, self._trouble = entries, ""
        return True
