"""What a key check costs with 2 keys and with 100,000, right ones and wrong ones; and SHA-256, which is most of it.

Every timed call makes LOOP checks in compiled code: a tenth of a figure in us is ns per check. "few" presents 100 keys again and
again, "all" every key of the set at random, so that the set's memory is in no cache.
"""

from __future__ import annotations

import hashlib
import random
from itertools import cycle, islice

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from agw._fastpath import sha256
from agw._fastpath.keys import KeySet
from agw.snapshot.model import Credential

LOOP = 10_000
COUNTS = pytest.mark.parametrize("count", [2, 100_000])


def value(n: int) -> bytes:
    """Make the n-th key; 40 bytes, as API keys are."""
    return b"sk-" + hashlib.sha256(b"%d" % n).hexdigest()[:37].encode()


def key_set(count: int) -> KeySet:
    """Make a set of so many keys."""
    return KeySet([Credential(f"consumer-{n}", hashlib.sha256(value(n)).digest()) for n in range(count)])


def presented(numbers: list[int]) -> list[bytes]:
    """Make LOOP keys in random order."""
    return [value(n) for n in islice(cycle(numbers), LOOP)]


@COUNTS
@pytest.mark.parametrize("distinct", [100, 100_000], ids=["few", "all"])
def test_right(benchmark: BenchmarkFixture, count: int, distinct: int) -> None:
    """Present keys of the set."""
    benchmark.group = f"key check, right, {distinct} different at most"
    keys = presented(random.Random(1).sample(range(count), min(count, distinct)))
    if distinct == 100:
        assert benchmark(key_set(count).bench_lookup, keys[:100], LOOP // 100) == LOOP
    else:
        assert benchmark(key_set(count).bench_lookup, keys, 1) == LOOP


@COUNTS
def test_wrong(benchmark: BenchmarkFixture, count: int) -> None:
    """Present keys that nobody has."""
    benchmark.group = "key check, wrong"
    keys = presented([-1 - n for n in range(100)])[:100]
    assert benchmark(key_set(count).bench_lookup, keys, LOOP // 100) == 0


@pytest.mark.parametrize("implementation", sha256.implementations())
@pytest.mark.parametrize("length", [40, 1000])
def test_sha256(benchmark: BenchmarkFixture, implementation: str, length: int) -> None:
    """Hash from Python: the call is part of it."""
    benchmark.group = f"sha256, {length} bytes"
    data = bytes(length)
    assert benchmark(sha256.digest, data, implementation) == hashlib.sha256(data).digest()  # type: ignore[arg-type]
