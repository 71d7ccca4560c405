"""Buckets in shared memory: exact against a twin that counts in plain numbers, and over processes that take at once."""

import mmap
import os
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agw._fastpath.limits import LIMITS_SIZE, Buckets, own_memory, prepare
from agw.snapshot.model import Limit

SECOND = 1_000_000_000


def limit(requests=10, window_s=1, burst=5, per="Consumer", **more):
    return Limit(requests, window_s, burst, per, **more)


class Twin:
    """A leaky bucket as one would explain it: what is used drains at the rate, and there is room for `burst`."""

    def __init__(self, entry):
        self.interval = round(entry.window_s * SECOND / entry.requests)
        self.room = self.interval * entry.burst
        self.used = 0
        self.at = 0

    def take(self, now):
        self.used = max(0, self.used - (now - self.at))
        self.at = now
        if self.used + self.interval > self.room:
            return self.room - self.used - self.interval
        self.used += self.interval
        return self.used


@given(
    st.sampled_from([(10, 1), (1, 1), (60, 60), (7, 3600), (1000, 1)]),
    st.integers(1, 20),
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3 * SECOND)), max_size=60),
)
@settings(max_examples=200, deadline=None)
def test_takes_what_a_leaky_bucket_takes(rate, burst, steps):
    entry = limit(*rate, burst)
    buckets, twins, now = Buckets(own_memory()), {}, SECOND
    for name, wait in steps:
        now += wait
        assert buckets.try_take(entry, name, now) == twins.setdefault(name, Twin(entry)).take(now)


def test_a_burst_and_then_one_for_each_interval():
    buckets, entry = Buckets(own_memory()), limit(10, 1, 5)
    assert [buckets.try_take(entry, "a", SECOND) > 0 for _ in range(7)] == [True] * 5 + [False] * 2
    assert buckets.try_take(entry, "a", SECOND) == -SECOND // 10
    assert buckets.try_take(entry, "a", SECOND + SECOND // 10) > 0
    assert buckets.try_take(entry, "b", SECOND) > 0


def test_what_is_given_back_may_be_taken_again():
    buckets, entry = Buckets(own_memory()), limit(1, 1, 1)
    assert buckets.try_take(entry, "a", SECOND) > 0
    assert buckets.try_take(entry, "a", SECOND) < 0
    buckets.try_give_back(entry, "a", SECOND)
    assert buckets.try_take(entry, "a", SECOND) > 0


@pytest.mark.parametrize(
    "other",
    [limit(10, 1, 6), limit(11, 1, 5), limit(per="Route"), limit(scope="d/other"), limit(operations=("GetTask",))],
)
def test_a_limit_that_says_something_else_counts_apart(other):
    buckets = Buckets(own_memory())
    for _ in range(5):
        assert buckets.try_take(limit(), "a", SECOND) > 0
    assert buckets.try_take(limit(), "a", SECOND) < 0
    assert buckets.try_take(other, "a", SECOND) > 0
    assert buckets.try_take(limit(), "a", SECOND) < 0


def test_more_clients_than_buckets_are_taken_over_and_none_is_refused_for_another():
    memory = bytearray(64 + 16 * 8 * 4)
    prepare(memory)
    buckets, entry = Buckets(memory), limit(1, 3600, 1)
    assert all(buckets.try_take(entry, str(n), SECOND) > 0 for n in range(1_000))


def test_a_bucket_that_is_full_again_is_anybodys_before_one_that_is_not():
    memory = bytearray(64 + 16 * 8)
    prepare(memory)
    buckets, slow, quick = Buckets(memory), limit(1, 3600, 1), limit(10, 1, 1)
    kept = [f"kept {n}" for n in range(4)]
    assert all(buckets.try_take(slow, name, SECOND) > 0 for name in kept)
    for n in range(200):
        assert buckets.try_take(quick, f"passing {n}", (n + 2) * SECOND) > 0
    assert all(buckets.try_take(slow, name, 203 * SECOND) < 0 for name in kept)


def test_a_rate_beyond_all_numbers_does_not_wrap():
    buckets, entry = Buckets(own_memory()), limit(1, 86_400, 1_000_000_000)
    assert all(buckets.try_take(entry, "a", SECOND) > 0 for _ in range(100))


def test_refuses_memory_for_less_than_a_set():
    with pytest.raises(ValueError, match="too little"):
        Buckets(bytearray(128))


TAKE = """
import mmap, sys, time
from agw._fastpath.limits import LIMITS_SIZE, Buckets
from agw.snapshot.model import Limit
buckets = Buckets(memoryview(mmap.mmap(int(sys.argv[1]), LIMITS_SIZE)))
entry = Limit(1, 3600, 400, "Consumer")
sys.stdin.readline()
print(" ".join(str(n) for n in range(40) for _ in range(400) if buckets.try_take(entry, str(n), 10**9) > 0))
"""


def test_processes_that_take_at_once_take_exactly_what_there_is():
    fd = os.memfd_create("limits")
    try:
        os.ftruncate(fd, LIMITS_SIZE)
        with mmap.mmap(fd, LIMITS_SIZE) as memory:
            prepare(memory)
        takers = [
            subprocess.Popen(
                [sys.executable, "-c", TAKE, str(fd)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[fd]
            )
            for _ in range(4)
        ]
        for taker in takers:
            taker.stdin.write(b"\n")
            taker.stdin.flush()
        taken = Counter(name for taker in takers for name in taker.communicate()[0].split())
    finally:
        os.close(fd)
    assert taken == {str(n).encode(): 400 for n in range(40)}
