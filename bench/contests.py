"""The scenarios, as data: what is asked of the proxies, what they are set up for, and how it is measured.

A contest is a row of CONTESTS. Its `kind` names the module of `bench/kinds` that measures it. Its variants run beside one
another, in the same rounds, so that "ten thousand against ten" is a ratio like "ours against theirs". Everything that is
large (requests to ten thousand routes, a Secret of a hundred thousand keys) is made when it is run.

agw tells a thousand routes apart, asks for a key, meters, and reads what is A2A in every scenario that does not say
otherwise; the others forward whatever comes, unless the row gives them keys or routes as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bench.manifests import degree, fleet, fleet_requests, key_requests, key_ring, locked, one_route
from bench.peers import Setup
from bench.scenario import KEYS, Scenario, post

ROUTES = 1_000
KIB = 1_024
MIB = 1_048_576
FLEET = 5_000
ENDLESS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the things that a contest compares. label: "" where it is the only one.

    scenario, manifests, setup: make the traffic, what agw serves, and what is asked of the others.
    """

    label: str
    scenario: Callable[[], Scenario]
    manifests: Callable[[], str]
    setup: Callable[[], Setup] = Setup


@dataclass(frozen=True, slots=True)
class Contest:
    """A scenario of the command line.

    requests: of a round, for each proxy, in slices of about a tenth of a second. only, without: who takes part, where
    not all do that are asked for.
    """

    name: str
    about: str
    variants: Sequence[Variant]
    kind: str = "closed"
    requests: int = 40_000
    slice: int = 5_000
    only: Sequence[str] = ()
    without: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests to all of agw's routes, with its keys in turn. size, reply: bytes of the bodies; size 0: a GET."""

    size: int = 300
    reply: int = 130
    connections: int = 32
    fresh: bool = False
    routes: int = ROUTES
    keys: Sequence[str] = KEYS

    def scenario(self) -> Scenario:
        """Its bytes."""
        requests = fleet_requests(self.routes, self.keys, self.size, last=self.fresh)
        return Scenario("", "", requests, connections=self.connections, reply=self.reply, fresh=self.fresh)

    def manifests(self) -> str:
        """What agw serves for it."""
        return fleet(self.routes) + (locked(self.keys) if self.keys else "")

    def variant(self, label: str = "", setup: Callable[[], Setup] = Setup) -> Variant:
        """As the variant of a contest."""
        return Variant(label, self.scenario, self.manifests, setup)


def of_rate(rate: int) -> Variant:
    """Requests at fixed times, that many a second."""
    return Variant("", lambda: replace(Traffic().scenario(), rate=rate), Traffic().manifests)


def of_streams(streams: int, interval_ms: int) -> Variant:
    """That many event streams at a time, each with an event every so many milliseconds until its client leaves."""

    def scenario() -> Scenario:
        usual = Traffic(connections=streams).scenario()
        return replace(usual, events=ENDLESS, interval_us=interval_ms * 1000)

    return Variant("", scenario, Traffic().manifests, lambda: Setup(streams=True))


def of_routes(routes: int) -> Variant:
    """All proxies tell that many routes apart."""
    return Traffic(routes=routes).variant(f"{routes:,} route{'s' * (routes > 1)}", lambda: Setup(routes=routes))


def of_keys(keys: int) -> Variant:
    """All proxies check that many keys."""
    return Variant(
        f"{keys:,} keys",
        lambda: Scenario("", "", key_requests(keys)),
        lambda: one_route() + locked(key_ring(keys)),
        lambda: Setup(keys=key_ring(keys)),
    )


def of_workers(workers: int) -> Variant:
    """That many workers, each with enough connections that the kernel's dealing them out leaves none idle."""
    usual = Traffic(connections=128)
    return usual.variant(f"{workers} worker{'s' * (workers > 1)}", lambda: Setup(workers=workers))


def of_changes(changes: int) -> Variant:
    """So many changes a second of 5,000 routes, under a gentle load on those that stay: the kind writes the manifests."""
    usual = Traffic(routes=FLEET // 2)
    return Variant(
        f"{changes} changes a second" if changes else "no change",
        lambda: replace(usual.scenario(), rate=1_000),
        str,
        lambda: Setup(routes=FLEET, changes=changes),
    )


def of_degree(of: str) -> Variant:
    """As much as agw knows of A2A in it."""
    return Variant(of, lambda: Scenario("", "", tuple(post(key=key) for key in KEYS)), lambda: degree(of))


PLAIN = (Traffic().variant(),)
CONTESTS = {
    contest.name: contest
    for contest in (
        Contest("post300", "300-byte POST, 130-byte reply, keep-alive, 32 connections", PLAIN),
        Contest("get", "GET without a body, 130-byte reply, 32 connections", (Traffic(size=0).variant(),)),
        Contest(
            "post16k",
            "16 KiB each way, 32 connections",
            (Traffic(16 * KIB, 16 * KIB).variant(setup=lambda: Setup(large=True)),),
            requests=16_000,
            slice=2_000,
        ),
        Contest(
            "post1m",
            "1 MiB each way, 32 connections",
            (Traffic(MIB, MIB).variant(setup=lambda: Setup(large=True)),),
            requests=400,
            slice=50,
        ),
        Contest(
            "c1",
            "300-byte POST, 130-byte reply, 1 connection",
            (Traffic(connections=1).variant(),),
            requests=16_000,
            slice=2_000,
        ),
        Contest("c512", "300-byte POST, 130-byte reply, 512 connections", (Traffic(connections=512).variant(),)),
        Contest(
            "fresh",
            "300-byte POST, 130-byte reply, a new connection for each request, 32 at a time",
            (Traffic(fresh=True).variant(),),
            requests=16_000,
            slice=2_000,
        ),
        Contest(
            "auth",
            "300-byte POST, 130-byte reply, 32 connections; all check the key and remove it",
            (Traffic().variant(setup=lambda: Setup(keys=KEYS)),),
        ),
        Contest(
            "routes",
            "300-byte POST, 130-byte reply, 32 connections; routes in random order",
            (of_routes(10), of_routes(1_000), of_routes(10_000)),
            requests=20_000,
            without=("relay",),
        ),
        Contest(
            "keys",
            "300-byte POST, 130-byte reply, 32 connections; one route, keys in random order",
            (of_keys(2), of_keys(100_000)),
            without=("relay",),
        ),
        Contest(
            "a2a",
            "300-byte message/send, 130-byte reply, 32 connections, key checked; by what agw knows of A2A",
            tuple(map(of_degree, ("plain", "a2a", "decided"))),
            only=("agw",),
        ),
        Contest(
            "sse200", "200 event streams, 10 events a second each", (of_streams(200, 100),), kind="streams", requests=0
        ),
        Contest(
            "sse5000",
            "5,000 event streams, an event a second each",
            (of_streams(5_000, 1_000),),
            kind="streams",
            requests=0,
        ),
        Contest(
            "latency",
            "300-byte POST, 130-byte reply, 1,000 requests a second over 32 connections: what is added",
            (of_rate(1_000),),
            kind="latency",
            requests=4_000,
            slice=500,
        ),
        Contest(
            "saturation",
            "300-byte POST, 130-byte reply, 32 connections that always ask: what is added",
            PLAIN,
            kind="latency",
            requests=20_000,
        ),
        Contest(
            "memory",
            "resident memory of a worker, and of idle connections after one request each",
            (of_routes(1), of_routes(FLEET)),
            kind="weight",
            requests=20_000,
            without=("relay",),
        ),
        Contest(
            "churn",
            "5,000 routes, 1,000 requests a second: with 10 changes of a route a second, and without",
            (of_changes(0), of_changes(10)),
            kind="churn",
            requests=3_000,
            slice=1_000,
            only=("agw",),
        ),
        Contest(
            "startup",
            "from the command to the first right answer",
            (of_routes(1), of_routes(1_000)),
            kind="startup",
            without=("relay",),
        ),
        Contest(
            "workers",
            "300-byte POST, 130-byte reply, 128 connections for each worker: requests a second",
            (of_workers(1), of_workers(2)),
            kind="throughput",
            slice=10_000,
            without=("relay",),
        ),
    )
}
