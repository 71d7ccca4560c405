"""The entries of each Gateway, put together from what routes bring and what they share.

Rules: an entry is on a Gateway's shelf while somebody there needs it: a route brings its rules and policies (a policy
of a Gateway comes with every route, so these are counted), and uses backends and credential sets, which are there once.
What is given away shares what did not change; a shelf on which nothing changed is given again as the same object, together with the
keys that did change on the others, so that nobody has to compare whole maps to find one route.

Must not: know what an entry means.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from agw.snapshot.chunked import ChunkedMap
from agw.snapshot.model import Entry
from agw.translate.routes import Share


class Shelves:
    """All Gateways' entries."""

    def __init__(self) -> None:
        """Start with no Gateway."""
        self._entries: dict[str, dict[str, Entry]] = {}
        self._open: dict[str, frozenset[str]] = {}  # Gateways that are ours, with the keys of their listeners
        self._shared: dict[str, Entry] = {}
        self._users: dict[str, Counter[str]] = {}
        self._brought: Counter[tuple[str, str]] = Counter()
        self._attached: dict[str, Counter[str]] = {}
        self._touched: dict[str, set[str]] = {}
        self._last: dict[str, ChunkedMap[str, Entry]] = {}

    def open(self, gateway: str, listeners: Mapping[str, Entry]) -> None:
        """Take a Gateway of ours with its listeners, instead of those that it had."""
        for key in self._open.get(gateway, frozenset()) - listeners.keys():
            self._drop(gateway, key)
        self._open[gateway] = frozenset(listeners)
        for key, entry in listeners.items():
            self._put(gateway, key, entry)
        self._touched.setdefault(gateway, set())

    def close(self, gateway: str) -> None:
        """Forget a Gateway; the routes that it had withdraw by themselves."""
        for key in self._open.pop(gateway, ()):
            self._drop(gateway, key)
        self._touched.setdefault(gateway, set())

    def share(self, key: str, entry: Entry | None) -> None:
        """Take a backend or a credential set, and put it wherever it is used; None where it is no more."""
        if entry is None:
            self._shared.pop(key, None)
            return
        self._shared[key] = entry
        for gateway in self._users.get(key, ()):
            self._put(gateway, key, entry)

    def used(self, key: str) -> bool:
        """Say whether any route uses a backend or credential set."""
        return key in self._users

    def add(self, share: Share) -> None:
        """Take what a route brings to one Gateway."""
        for key, entry in share.entries.items():
            self._brought[share.gateway, key] += 1
            self._put(share.gateway, key, entry)
        for key in share.uses:
            self._users.setdefault(key, Counter())[share.gateway] += 1
            if key in self._shared:
                self._put(share.gateway, key, self._shared[key])
        self._attached.setdefault(share.gateway, Counter()).update(share.counted)

    def withdraw(self, share: Share) -> None:
        """Take back what a route brought; what others brought or use too stays."""
        for key in share.entries:
            if _release(self._brought, (share.gateway, key)):
                self._drop(share.gateway, key)
        for key in share.uses:
            users = self._users[key]
            if _release(users, share.gateway):
                self._drop(share.gateway, key)
            if not users:
                del self._users[key]
        self._attached[share.gateway].subtract(share.counted)

    def attached(self, gateway: str) -> Mapping[str, int]:
        """Count the accepted routes per listener name."""
        return self._attached.get(gateway, {})

    def holds(self, key: str) -> bool:
        """Say whether an entry is on any shelf."""
        return any(key in entries for entries in self._entries.values())

    def publish(self) -> tuple[dict[str, ChunkedMap[str, Entry]], dict[str, frozenset[str]]]:
        """Give the entries of every Gateway of ours, and the keys that differ from what was given last."""
        touched, self._touched = self._touched, {}
        changed: dict[str, frozenset[str]] = {}
        given = {gateway: entries for gateway, entries in self._last.items() if gateway in self._open}
        for gateway, keys in touched.items():
            if gateway not in self._open:
                if gateway in self._last:
                    changed[gateway] = frozenset(self._last[gateway])
                continue
            known = self._last.get(gateway)
            now = self._entries.get(gateway, {})
            differ = _differing(keys if known is not None else now, {} if known is None else known, now)
            if differ or known is None:
                put = {key: now[key] for key in differ if key in now}
                given[gateway] = (known or ChunkedMap()).replacing(put, differ - put.keys())
                changed[gateway] = differ
        self._last = given
        return given, changed

    def _put(self, gateway: str, key: str, entry: Entry) -> None:
        self._entries.setdefault(gateway, {})[key] = entry
        self._touched.setdefault(gateway, set()).add(key)

    def _drop(self, gateway: str, key: str) -> None:
        self._entries[gateway].pop(key, None)
        self._touched.setdefault(gateway, set()).add(key)


def _release(counts: Counter[str] | Counter[tuple[str, str]], key: str | tuple[str, str]) -> bool:
    """Count one less; True where none is left."""
    counter: Counter[object] = counts  # type: ignore[assignment] # either key is one of its own counter
    counter[key] -= 1
    if counter[key]:
        return False
    del counter[key]
    return True


def _differing(keys: Iterable[str], old: Mapping[str, Entry], new: Mapping[str, Entry]) -> frozenset[str]:
    return frozenset(key for key in keys if (was := old.get(key)) is not (now := new.get(key)) and was != now)
