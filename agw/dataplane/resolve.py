"""Addresses of targets: `--resolve` and DNS, between the configuration source and the workers.

Rules: entries go in as the translation made them and come out with `Target.endpoints` filled; a Backend that did not
change comes out as the same object, so that only real changes travel to the workers. Names are looked up off the hot
path, again and again; a failed lookup keeps the last good answer and is one warning, not one per attempt.

Must not: touch targets whose endpoints the translation knows (an IP address, a Service's EndpointSlices), but where
`--resolve` names them.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address

import msgspec

from agw.errors import Problem, Severity
from agw.settings import Address, parse_address
from agw.snapshot.model import Backend, Endpoint, Entry, Target

FIRST_ANSWER = 2.0
"""Seconds that a new configuration waits for names never seen before; then it is served without them."""

_LOOKUPS_AT_ONCE = 16
_CLUSTER = ("svc", "cluster", "local")

Lookup = Callable[[str], Awaitable[tuple[str, ...]]]
"""Addresses of a name, IP literals; OSError where there are none."""


def parse_resolve(text: str) -> tuple[tuple[str, int], Address]:
    """Read `HOST:PORT=ADDR:PORT` of `--resolve`; ValueError says the rule."""
    left, equals, right = text.partition("=")
    host, colon, port = left.rpartition(":")
    if not (equals and colon and host and port.isascii() and port.isdigit()):
        raise ValueError("must be HOST:PORT=ADDR:PORT, such as agent:9999=127.0.0.1:9999")
    return (host.lower().rstrip("."), int(port)), parse_address(right)


def forms(host: str, namespace: str) -> tuple[str, ...]:
    """All names by which a target may be called, the most exact first.

    `name`, `name.ns`, `name.ns.svc` and `name.ns.svc.cluster.local` are one Service; anything else has one name.
    """
    host = host.lower().rstrip(".")
    name, *rest = host.split(".")
    if rest and tuple(rest[1:]) != _CLUSTER[: len(rest) - 1]:
        return (host,)
    service = f"{name}.{rest[0] if rest else namespace}"
    known = (host, service, f"{service}.svc", f"{service}.svc.cluster.local", name)
    return tuple(dict.fromkeys(known))


def is_address(host: str) -> bool:
    """Tell an IP literal from a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


async def system_lookup(name: str) -> tuple[str, ...]:
    """Look a name up as the system does, both families, IPv4 first, in an order that does not depend on the answer's."""
    answers = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
    found = {ip_address(str(answer[4][0]).partition("%")[0]) for answer in answers}
    return tuple(str(address) for address in sorted(found, key=lambda address: (address.version, int(address))))


@dataclass(frozen=True, slots=True)
class _Destination:
    """Where a target's endpoints come from: a name to look up, or an address; and the port."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class _Followed:
    """A Backend as given, where its targets' endpoints come from (None: it says so itself), and as resolved last."""

    given: Backend
    destinations: tuple[_Destination | None, ...]
    names: frozenset[str]
    resolved: Backend


class Resolver:
    """Fills endpoints, and follows the names that it needs for that."""

    def __init__(self, resolve_map: Mapping[tuple[str, int], Address], lookup: Lookup = system_lookup) -> None:
        """Use `--resolve`'s map, and a lookup for what is not in it."""
        self._map = {(host.lower(), port): address for (host, port), address in resolve_map.items()}
        self._lookup = lookup
        self._entries: Mapping[str, Entry] = {}
        self._followed: dict[str, _Followed] = {}
        self._names: set[str] = set()
        self._answers: dict[str, tuple[str, ...]] = {}
        self._failed: dict[str, Problem] = {}
        self._news = False  # some answer is not yet in _followed

    @property
    def problems(self) -> tuple[Problem, ...]:
        """One warning for each name that does not resolve now."""
        return tuple(self._failed[name] for name in sorted(self._failed))

    async def follow(self, entries: Mapping[str, Entry]) -> dict[str, Entry]:
        """Take a new configuration and return it with endpoints; names not seen before are waited for, shortly."""
        seen, self._entries = self._names, entries
        self._followed = {key: self._follow(key, entry) for key, entry in entries.items() if isinstance(entry, Backend)}
        self._names = {name for followed in self._followed.values() if followed.names for name in followed.names}
        self._answers = {name: answer for name, answer in self._answers.items() if name in self._names}
        self._failed = {name: problem for name, problem in self._failed.items() if name in self._names}
        await self._look_up(sorted(self._names - seen), within=FIRST_ANSWER)
        return self.resolved()

    async def refresh(self) -> dict[str, Entry] | None:
        """Look all names up again; the entries with new endpoints, or None where nothing changed."""
        await self._look_up(sorted(self._names))
        return self.resolved() if self._news else None

    def resolved(self) -> dict[str, Entry]:
        """Return the configuration with what is known now."""
        if self._news:
            self._followed = {key: self._fill(followed) for key, followed in self._followed.items()}
            self._news = False
        return {**self._entries, **{key: followed.resolved for key, followed in self._followed.items()}}

    def _follow(self, key: str, backend: Backend) -> _Followed:
        before = self._followed.get(key)
        if before is not None and before.given is backend:
            return before
        destinations = tuple(self._destination(backend, target) for target in backend.targets)
        hosts = {destination.host for destination in destinations if destination is not None}
        names = frozenset(host for host in hosts if not is_address(host))
        followed = _Followed(backend, destinations, names, before.resolved if before is not None else backend)
        return self._fill(followed)

    def _fill(self, followed: _Followed) -> _Followed:
        """Put in what is known now; what does not change by that stays the same object."""
        places = zip(followed.given.targets, followed.destinations, strict=True)
        targets = tuple(self._target(target, destination) for target, destination in places)
        resolved = followed.given
        if targets != resolved.targets:
            resolved = msgspec.structs.replace(resolved, targets=targets)
        return replace(followed, resolved=followed.resolved if followed.resolved == resolved else resolved)

    def _target(self, target: Target, destination: _Destination | None) -> Target:
        if destination is None:
            return target
        if is_address(destination.host):
            addresses: tuple[str, ...] = (destination.host,)
        else:
            addresses = self._answers.get(destination.host, ())
        endpoints = tuple(Endpoint(address, destination.port) for address in addresses)
        return msgspec.structs.replace(target, endpoints=endpoints)

    def _destination(self, backend: Backend, target: Target) -> _Destination | None:
        if target.error:
            return None  # refused by translation (no ReferenceGrant): no mapping brings it back
        namespace = backend.ref.partition("/")[0]
        for form in forms(target.host, namespace) if self._map else ():
            mapped = self._map.get((form, target.port))
            if mapped is not None:
                return _Destination(mapped.host, mapped.port)
        return _Destination(target.host.lower(), target.port) if target.dns else None

    async def _look_up(self, names: list[str], within: float | None = None) -> None:
        if not names:
            return
        gate = asyncio.Semaphore(_LOOKUPS_AT_ONCE)
        tasks = [asyncio.create_task(self._look_up_one(name, gate)) for name in names]
        _, late = await asyncio.wait(tasks, timeout=within)
        for task in late:
            task.cancel()

    async def _look_up_one(self, name: str, gate: asyncio.Semaphore) -> None:
        async with gate:
            try:
                answer = await self._lookup(name)
            except (OSError, UnicodeError) as error:
                self._failed[name] = _unresolved(name, error, kept=name in self._answers)
            else:
                self._failed.pop(name, None)
                self._news = self._news or self._answers.get(name) != answer
                self._answers[name] = answer


def _unresolved(name: str, error: Exception, *, kept: bool) -> Problem:
    consequence = "its last addresses stay in use" if kept else "its share of the traffic answers 503"
    reason = getattr(error, "strerror", None) or error
    return Problem(
        code="AGW3003",
        message=f"the name {name!r} does not resolve ({reason}); {consequence}",
        severity=Severity.WARNING,
        hint=f"without a cluster, say where it is: --resolve {name}:PORT=ADDRESS:PORT",
    )
