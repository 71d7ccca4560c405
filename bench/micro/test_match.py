"""What a match costs at 10 and at 10,000 routes, and a compile of all of them or of one.

Every timed call makes LOOP lookups in compiled code: a tenth of a figure in us is ns per lookup. "few requests" asks for 100 routes
spread over the table, again and again: what the table's structure costs. "all routes" asks for every route at random: what
the processor's caches cost when nothing but lookups runs; the scenario `routes` weighs that against a whole request.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import cycle, islice

import msgspec
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from agw._fastpath.table import Lookups, compile_table
from agw.snapshot.model import Attachment, Backend, Entry, Listener, Match, PathMatch, Rule, WeightedBackend

LOOP = 10_000
LISTENER = "listener/n/g/http"
Request = tuple[bytes, bytes, bytes, bytes | None, list[tuple[bytes, bytes]]]
FIELDS = [(b"host", b"x"), (b"content-type", b"application/json"), (b"content-length", b"300")]


def hosts(n: int) -> tuple[str, str]:
    """Give every route a hostname of its own."""
    return f"svc-{n}.example.com", "/"


def paths(n: int) -> tuple[str, str]:
    """Give every route a prefix of its own on one hostname."""
    return "agents.example.com", f"/agents/svc-{n}"


def mixed(n: int) -> tuple[str, str]:
    """Give a hundred teams a hostname each, and their routes a prefix."""
    return f"team-{n % 100}.example.com", f"/api/svc-{n}"


SHAPES = pytest.mark.parametrize("shape", [hosts, paths, mixed])
COUNTS = pytest.mark.parametrize("count", [10, 10_000])


def fleet(shape: Callable[[int], tuple[str, str]], count: int) -> dict[str, Entry]:
    """Make a snapshot of so many routes."""
    entries: dict[str, Entry] = {LISTENER: Listener("n/g", "http", 80)}
    for n in range(count):
        hostname, path = shape(n)
        entries[f"backend/Backend/n/b{n}"] = Backend(f"n/b{n}")
        entries[f"rule/HTTPRoute/n/r{n}/0"] = Rule(
            f"n/r{n}",
            0,
            (Attachment(LISTENER, (hostname,)),),
            (Match(PathMatch("PathPrefix", path)),),
            (WeightedBackend(f"backend/Backend/n/b{n}"),),
        )
    return entries


def asks(shape: Callable[[int], tuple[str, str]], count: int, distinct: int) -> list[Request]:
    """Make LOOP requests for so many different routes, in random order."""
    stream = random.Random(count)
    chosen = stream.sample(range(count), min(count, distinct))
    named = (shape(n) for n in islice(cycle(chosen), LOOP))
    return [
        (b"POST", host.encode(), path.rstrip("/").encode() + b"/message:send", None, FIELDS) for host, path in named
    ]


@SHAPES
@COUNTS
def test_few_requests(benchmark: BenchmarkFixture, shape: Callable[[int], tuple[str, str]], count: int) -> None:
    """Ask for 100 routes of the table."""
    benchmark.group = f"match, few requests, {shape.__name__}"
    lookups = Lookups(compile_table(fleet(shape, count)), 80, asks(shape, count, 100)[:100])
    assert benchmark(lookups.bench_lookup, LOOP // 100) == LOOP


@SHAPES
@COUNTS
def test_all_routes(benchmark: BenchmarkFixture, shape: Callable[[int], tuple[str, str]], count: int) -> None:
    """Ask for every route of the table."""
    benchmark.group = f"match, all routes, {shape.__name__}"
    lookups = Lookups(compile_table(fleet(shape, count)), 80, asks(shape, count, count))
    assert benchmark(lookups.bench_lookup, 1) == LOOP


@SHAPES
@pytest.mark.parametrize("count", [50, 5_000])
def test_compile_all(benchmark: BenchmarkFixture, shape: Callable[[int], tuple[str, str]], count: int) -> None:
    """Compile a whole snapshot."""
    benchmark.group = f"compile all, {shape.__name__}"
    assert len(benchmark(compile_table, fleet(shape, count)).rules) == count


@SHAPES
@pytest.mark.parametrize("count", [50, 5_000])
def test_compile_one(benchmark: BenchmarkFixture, shape: Callable[[int], tuple[str, str]], count: int) -> None:
    """Compile the change of one rule."""
    benchmark.group = f"compile one rule, {shape.__name__}"
    entries = fleet(shape, count)
    table = compile_table(entries)
    key = "rule/HTTPRoute/n/r7/0"
    entries[key] = msgspec.structs.replace(entries[key], request_timeout_ms=1)
    assert len(benchmark(compile_table, entries, 1, table, frozenset({key})).rules) == count
