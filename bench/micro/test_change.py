"""What one changed route costs each stage of its way, with 50 routes and with 5,000.

What grows with the number is the copying of a map, 0.1 ms at 10,000 entries, and nothing else may.

    publish     the controller: the next version, and the delta for all data planes that are at the one before
    receive     the data plane: the frame, the delta, the digest of the result
    supervise   names, checks, ports, and the delta for workers
    compile     a worker: the delta, the table

Every round changes another route. A figure is microseconds per change.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any, TypeVar

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from agw.controller.publish.ledger import Base, Ledger
from agw.dataplane.checks import Checks
from agw.dataplane.frames import Change
from agw.dataplane.logs import Log
from agw.dataplane.mirror import Mirror
from agw.dataplane.ports import Wanted
from agw.dataplane.publication import Publication
from agw.dataplane.resolve import Resolver
from agw.dataplane.worker import Tables
from agw.snapshot.model import (
    Attachment,
    Backend,
    Endpoint,
    Entry,
    Listener,
    Match,
    PathMatch,
    Rule,
    Target,
    WeightedBackend,
)
from agw.snapshot.stream import Receiver, Update

ROUNDS = 300
ROUTES = pytest.mark.parametrize("routes", [50, 5000])
T = TypeVar("T")


def route(number: int, path: str) -> dict[str, Entry]:
    """Make a route with a backend of its own."""
    target = Target("t", "10.0.0.1", 9999, endpoints=(Endpoint("10.0.0.1", 9999),))
    backend = f"backend/Backend/default/b{number}"
    rule = Rule(
        route=f"default/r{number}",
        index=0,
        attachments=(Attachment("listener/default/gw/web"),),
        matches=(Match(path=PathMatch(value=path)),),
        backends=(WeightedBackend(backend),),
    )
    return {f"rule/HTTPRoute/default/r{number}/0": rule, backend: Backend(f"default/b{number}", targets=(target,))}


class Changes:
    """A configuration, and one changed route after the other."""

    def __init__(self, routes: int) -> None:
        """Begin with so many routes."""
        self.entries: dict[str, Entry] = {"listener/default/gw/web": Listener("default/gw", "web", 80)}
        for number in range(routes):
            self.entries |= route(number, f"/{number}")
        self._routes = routes
        self._count = count()

    def next(self) -> frozenset[str]:
        """Change one; return the keys."""
        number = next(self._count)
        changed = route(number % self._routes, f"/changed-{number}")
        self.entries = self.entries | changed
        return frozenset(changed)


def measure(
    benchmark: BenchmarkFixture, group: str, prepare: Callable[[], tuple[Any, ...]], act: Callable[..., T]
) -> T:
    """Time `act` on what `prepare` gives, which is not timed."""
    benchmark.group = f"one changed route: {group}"
    result: T = benchmark.pedantic(act, setup=lambda: (prepare(), {}), rounds=ROUNDS)
    return result


def finished(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that has nothing to wait for."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    raise AssertionError("it waits")


@ROUTES
def test_publish(benchmark: BenchmarkFixture, routes: int) -> None:
    """The controller's part."""
    changes, ledger = Changes(routes), Ledger()
    ledger.publish(changes.entries, changes.entries)

    def act(keys: frozenset[str]) -> bytes | None:
        ledger.publish(changes.entries, keys)
        return ledger.update_from(Base(ledger.version - 1))

    assert measure(benchmark, "publish", lambda: (changes.next(),), act)


@ROUTES
def test_receive(benchmark: BenchmarkFixture, routes: int) -> None:
    """The subscription's part."""
    changes, ledger, mirror, receiver = Changes(routes), Ledger(), Mirror(), Receiver.of_data_plane()
    ledger.publish(changes.entries, changes.entries)
    mirror.take(changes.entries)

    def prepare() -> tuple[bytes | None]:
        keys = changes.next()
        ledger.publish(changes.entries, keys)
        return (ledger.update_from(Base(ledger.version - 1)),)

    def act(data: bytes) -> frozenset[str]:
        (message,) = receiver.feed(data)
        assert isinstance(message, Update)
        return mirror.apply(message)

    assert measure(benchmark, "receive", prepare, act)


@ROUTES
def test_supervise(benchmark: BenchmarkFixture, routes: int) -> None:
    """The supervisor's part."""
    changes, resolver, checks = Changes(routes), Resolver({}), Checks(Log(), lambda _: None)
    publication, wanted = Publication(), Wanted()

    def act(keys: frozenset[str] | None) -> Change | None:
        resolved = finished(resolver.follow(changes.entries, keys))
        checks.follow(resolved.entries, resolved.changed)
        change = publication.take(resolved.entries, publication.latest_generation + 1, resolved.changed)
        wanted.follow(resolved.entries, resolved.changed)
        publication.settle()
        return change

    act(None)
    assert measure(benchmark, "supervise", lambda: (changes.next(),), act)


@ROUTES
def test_compile(benchmark: BenchmarkFixture, routes: int) -> None:
    """A worker's part."""
    changes, publication, tables = Changes(routes), Publication(), Tables()
    first = publication.take(changes.entries, 1)
    assert first is not None
    tables.change(first.delta)

    def prepare() -> tuple[bytes]:
        keys = changes.next()
        change = publication.take(changes.entries, 1, keys)
        assert change is not None
        return (change.delta,)

    assert measure(benchmark, "compile", prepare, tables.change)
