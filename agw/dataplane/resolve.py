"""Addresses of targets: `--resolve` and DNS, between the configuration source and the workers.

Rules: entries go in as the translation made them and come out with `Target.endpoints` filled; a Backend that did not
change comes out as the same object, so that only real changes travel to the workers. Names are looked up off the hot
path, again and again; a failed lookup keeps the last good answer and is one warning, not one per attempt.

Where the configuration is written by others than the machine's owner (a pod's, by whoever may write Backends), an
address of the machine itself is no endpoint, whatever it was found by: our own admin port trusts who comes from there,
and a metadata service who comes by a link-local address. Names are absolute there, since what a search domain completes
could be anybody's; and the machine's owner may deny networks, to whatever a Backend says itself, by address or by name.
What the translation has from a Service's EndpointSlices was granted there, and is not asked.

Must not: touch targets whose endpoints the translation knows (an IP address, a Service's EndpointSlices), but where
`--resolve` names them, and but for those own addresses.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

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


def is_own(address: str) -> bool:
    """Tell an address that leads to this machine, or to what only this machine sees of its network (RFC 6890)."""
    found = _plain(address)
    return found.is_loopback or found.is_unspecified or found.is_link_local or found.is_multicast


def _plain(address: str) -> IPv4Address | IPv6Address:
    """Read an address; one of IPv4 in IPv6's clothes is what it is."""
    found = ip_address(address.partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return found if mapped is None else mapped


async def absolute_lookup(name: str) -> tuple[str, ...]:
    """Look a name up as it is, without search domains (RFC 1034 3.1: the dot at the end)."""
    return await system_lookup(f"{name.rstrip('.')}.")


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


@dataclass(frozen=True, slots=True)
class Resolved:
    """A configuration with endpoints. changed: the keys that may differ from the last one; None: any."""

    entries: dict[str, Entry]
    changed: frozenset[str] | None = None


class Resolver:
    """Fills endpoints, and follows the names that it needs for that; the work is what changed."""

    def __init__(
        self,
        resolve_map: Mapping[tuple[str, int], Address],
        lookup: Lookup = system_lookup,
        *,
        own: bool = True,
        denied: Sequence[str] = (),
    ) -> None:
        """Use `--resolve`'s map, and a lookup for what is not in it.

        own: endpoints may be on this machine. denied: networks that a Backend may not name, as CIDRs.
        """
        self._own = own
        self._denied = tuple(ip_network(network, strict=False) for network in denied)
        self._refused: dict[str, tuple[Problem, ...]] = {}  # key of a Backend -> which endpoints it may not have
        self._map = {(host.lower(), port): address for (host, port), address in resolve_map.items()}
        self._lookup = lookup
        self._entries: dict[str, Entry] = {}  # with endpoints
        self._changed: frozenset[str] | None = None  # keys that differ from what was handed over last; None: any
        self._followed: dict[str, _Followed] = {}
        self._users: dict[str, set[str]] = {}  # name -> keys of the Backends that need it
        self._answers: dict[str, tuple[str, ...]] = {}
        self._failed: dict[str, Problem] = {}
        self._news: set[str] = set()  # names with answers that are not yet in _followed

    @property
    def problems(self) -> tuple[Problem, ...]:
        """One warning for each name that does not resolve now, and those of Backends that lead where they may not."""
        found = [self._failed[name] for name in sorted(self._failed)]
        return (*found, *(problem for key in sorted(self._refused) for problem in self._refused[key]))

    async def follow(self, entries: Mapping[str, Entry], changed: frozenset[str] | None = None) -> Resolved:
        """Take a new configuration and return it with endpoints; names not seen before are waited for, shortly.

        changed: the keys that may differ from the last configuration; None compares all.
        """
        unseen: set[str] = set()
        unused: set[str] = set()
        for key in self._entries.keys() | entries.keys() if changed is None else changed:
            before, now = self._follow(key, entries.get(key))
            unseen |= now - before - self._answers.keys() - self._failed.keys()
            unused |= before - now
        self._changed = None if changed is None or self._changed is None else self._changed | changed
        for name in unused:
            if not self._users[name]:
                del self._users[name]
                self._answers.pop(name, None)
                self._failed.pop(name, None)
        await self._look_up(sorted(unseen & self._users.keys()), within=FIRST_ANSWER)
        return self._hand_over()

    async def refresh(self) -> Resolved | None:
        """Look all names up again; the entries with new endpoints, or None where nothing changed."""
        await self._look_up(sorted(self._users))
        return self._hand_over() if self._news else None

    def _hand_over(self) -> Resolved:
        """Give what is known now. Whoever waited for other names meanwhile finds that it was given already."""
        filled = self._fill_news()
        changed, self._changed = self._changed, frozenset()
        return Resolved(dict(self._entries), None if changed is None else changed | filled)

    def _fill_news(self) -> frozenset[str]:
        """Put new answers in, and give the keys of the Backends that have them."""
        keys = frozenset[str]().union(*(self._users.get(name, ()) for name in self._news))
        self._news.clear()
        for key in keys:
            followed = self._followed[key] = self._fill(self._followed[key])
            self._entries[key] = followed.resolved
        return keys

    def _follow(self, key: str, entry: Entry | None) -> tuple[frozenset[str], frozenset[str]]:
        """Follow one entry; give the names that it needed before, and those that it needs now."""
        before = self._followed.pop(key, None)
        known = before.names if before is not None else frozenset[str]()
        if isinstance(entry, Backend):
            followed = self._followed[key] = before if before and before.given is entry else self._begin(entry, before)
            names, self._entries[key] = followed.names, followed.resolved
        elif entry is not None:
            names, self._entries[key] = frozenset[str](), entry
        else:
            names = frozenset()
            self._entries.pop(key, None)
            self._refused.pop(key, None)
        for name in known - names:
            self._users[name].discard(key)
        for name in names - known:
            self._users.setdefault(name, set()).add(key)
        return known, names

    def _begin(self, backend: Backend, before: _Followed | None) -> _Followed:
        destinations = tuple(self._destination(backend, target) for target in backend.targets)
        hosts = {destination.host for destination in destinations if destination is not None}
        names = frozenset(host for host in hosts if not is_address(host))
        return self._fill(_Followed(backend, destinations, names, before.resolved if before is not None else backend))

    def _fill(self, followed: _Followed) -> _Followed:
        """Put in what is known now; what does not change by that stays the same object."""
        places = zip(followed.given.targets, followed.destinations, strict=True)
        targets = tuple(self._target(target, destination) for target, destination in places)
        if not self._own or self._denied:
            targets = self._allowed(followed, targets)
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

    def _allowed(self, followed: _Followed, targets: tuple[Target, ...]) -> tuple[Target, ...]:
        """Take away endpoints that a Backend may not have, and say so."""
        backend, own, denied = followed.given, set[str](), set[str]()
        kept = []
        for target, destination in zip(targets, followed.destinations, strict=True):
            addresses = {each.address for each in target.endpoints}
            if not self._own:
                own |= (ours := {address for address in addresses if is_own(address)})
                addresses -= ours
            if destination is not None or _says_its_address(target):
                denied |= (refused := {address for address in addresses if self._is_denied(address)})
                addresses -= refused
            endpoints = tuple(each for each in target.endpoints if each.address in addresses)
            kept.append(msgspec.structs.replace(target, endpoints=endpoints))
        problems = [_own_address(backend, sorted(own))] if own else []
        problems += [_denied_address(backend, sorted(denied))] if denied else []
        key = f"backend/{backend.kind}/{backend.ref}"
        self._refused.pop(key, None)
        if problems:
            self._refused[key] = tuple(problems)
        return tuple(kept)

    def _is_denied(self, address: str) -> bool:
        found = _plain(address)
        return any(found.version == network.version and found in network for network in self._denied)

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
                if self._answers.get(name) != answer:
                    self._news.add(name)
                self._answers[name] = answer


def _own_address(backend: Backend, taken: list[str]) -> Problem:
    return Problem(
        code="AGW3009",
        message=f"{', '.join(taken)} is the gateway's own machine, which no Backend may lead to: that share answers 503",
        severity=Severity.WARNING,
        object=f"{backend.kind} {backend.ref}",
        hint="name the agent's Service, or the address of its pod",
    )


def _says_its_address(target: Target) -> bool:
    """Tell a target that names an address from one whose endpoints are a Service's."""
    return is_address(target.host.removeprefix("[").removesuffix("]"))


def _denied_address(backend: Backend, denied: list[str]) -> Problem:
    return Problem(
        code="AGW3010",
        message=f"{', '.join(denied)} is in a network that no Backend may name (--denied-networks): that share answers 503",
        severity=Severity.WARNING,
        object=f"{backend.kind} {backend.ref}",
        hint="name the agent's Service",
    )


def _unresolved(name: str, error: Exception, *, kept: bool) -> Problem:
    consequence = "its last addresses stay in use" if kept else "its share of the traffic answers 503"
    reason = getattr(error, "strerror", None) or error
    return Problem(
        code="AGW3003",
        message=f"the name {name!r} does not resolve ({reason}); {consequence}",
        severity=Severity.WARNING,
        hint=f"without a cluster, say where it is: --resolve {name}:PORT=ADDRESS:PORT",
    )
