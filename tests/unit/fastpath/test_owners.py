"""The table of owners against a dictionary, against halves of entries, and in the hands of many processes at once."""

from __future__ import annotations

import mmap
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agw._fastpath.owners import Owners, owners_size, prepare_owners

ROOT = Path(__file__).parents[3]
HEADER, BUCKET, WAYS = 64, 192, 8
NEW, KNOWN, MOVED = 1, 0, 2


def table(ids: int = 64) -> bytearray:
    memory = bytearray(owners_size(ids))
    prepare_owners(memory)
    return memory


class Twin:
    """What one bucket must say: the last WAYS ids that were used, each with the last owner that was noted."""

    def __init__(self) -> None:
        self.owners: dict[bytes, tuple[int, int]] = {}

    def note(self, id_: bytes, owner: int, tick: int) -> int:
        had = self.owners.get(id_)
        if had is None and len(self.owners) == WAYS:
            del self.owners[min(self.owners, key=lambda each: self.owners[each][1])]
        self.owners[id_] = owner, tick
        return NEW if had is None else KNOWN if had[0] == owner else MOVED

    def owner(self, id_: bytes, tick: int) -> int | None:
        if id_ not in self.owners:
            return None
        self.owners[id_] = self.owners[id_][0], tick
        return self.owners[id_][0]


STEPS = st.lists(
    st.tuples(st.booleans(), st.integers(0, 15).map(lambda n: b"id-%d" % n), st.integers(1, 3)), max_size=120
)


@settings(max_examples=300, deadline=None)
@given(STEPS, st.integers(0, 2**32 - 1))
def test_one_bucket_is_a_dictionary_of_the_last_eight(steps, begin):
    owners, twin = Owners(table(1)), Twin()
    assert owners.capacity == WAYS
    for number, (learns, id_, owner) in enumerate(steps):
        tick = (begin + number) % 2**32  # it may wrap
        if learns:
            assert owners.note("b", id_, owner, tick) == twin.note(id_, owner, number)
        else:
            assert owners.owner("b", id_, tick) == twin.owner(id_, number)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.binary(min_size=1, max_size=128), st.integers(1, 2**64 - 1), max_size=100))
def test_a_large_table_forgets_nothing(known):
    owners = Owners(table(100_000))
    for id_, owner in known.items():
        assert owners.note("b", id_, owner, 1) == NEW
    for id_, owner in known.items():
        assert owners.owner("b", id_, 2) == owner
        assert owners.owner("another", id_, 2) is None
        assert owners.owner("b", id_ + b"x", 2) is None or id_ + b"x" in known


def test_all_who_map_it_see_the_same():
    memory = table()
    one, other = Owners(memory), Owners(memory)
    one.note("b", b"task", 7, 1)
    assert other.owner("b", b"task", 1) == 7
    assert other.note("b", b"task", 8, 1) == MOVED
    assert one.owner("b", b"task", 1) == 8


def test_two_tables_call_an_id_by_other_names():
    one, other = table(1), table(1)
    Owners(one).note("b", b"task", 7, 1)
    other[HEADER:] = one[HEADER:]
    assert Owners(other).owner("b", b"task", 1) is None


@pytest.mark.parametrize("word", [0, WAYS])
def test_half_an_entry_is_nobodys(word):
    """As one sees it that another is writing, or has left so when it was killed: an old word beside a new one."""
    memory = table(1)
    owners = Owners(memory)
    owners.note("b", b"old", 7, 1)
    at = HEADER + 8 * word
    old = memory[at : at + 8]
    owners.note("b", b"old", 8, 2)
    memory[at : at + 8] = old
    assert owners.owner("b", b"old", 3) is None
    assert owners.note("b", b"old", 9, 3) == NEW  # and it is no obstacle
    assert owners.owner("b", b"old", 3) == 9


@settings(max_examples=200, deadline=None)
@given(st.binary(min_size=BUCKET, max_size=BUCKET), st.integers(0, 2**32 - 1))
def test_whatever_is_in_it_nothing_breaks(rubbish, tick):
    memory = table(1)
    memory[HEADER:] = rubbish
    owners = Owners(memory)
    assert owners.owner("b", b"task", tick) is None
    owners.note("b", b"task", 5, tick)
    assert owners.owner("b", b"task", tick) == 5


@pytest.mark.parametrize("ids", [1, 8, 9, 1000, 262_144])
def test_its_size_is_bounded(ids):
    memory = bytearray(owners_size(ids))
    prepare_owners(memory)
    assert ids <= Owners(memory).capacity < 2 * max(ids, WAYS)
    assert len(memory) <= HEADER + 2 * max(ids, WAYS) * BUCKET // WAYS


@pytest.mark.parametrize("memory", [b"", bytes(HEADER), bytes(HEADER + BUCKET), bytes(100_000)])
def test_memory_that_is_no_table_is_refused(memory):
    with pytest.raises(ValueError, match="no table"):
        Owners(bytearray(memory))


def test_a_number_of_buckets_that_is_too_large_is_refused():
    memory = table(8)
    memory[32:40] = (1 << 40).to_bytes(8, "little")
    with pytest.raises(ValueError, match="no table"):
        Owners(memory)


# --- many processes ---

IDS = 4000
HAMMER = """
import mmap, os, sys
from agw._fastpath.owners import Owners

fd, me, ids, rounds = map(int, sys.argv[1:])
owners = Owners(mmap.mmap(fd, os.fstat(fd).st_size))
print("ready", flush=True)
found = 0
for number in range(rounds):
    for id in range(ids):
        # Of each id there are two owners, whose numbers say of which id: any other answer is a torn one.
        owner = owners.owner("b", b"%d" % id, number)
        assert owner is None or owner >> 1 == id + 1, (id, owner)
        found += owner is not None
        owners.note("b", b"%d" % id, (id + 1) << 1 | (id + number + me & 1), number)
print(found, flush=True)
"""


def hammering(fd: int, me: int, rounds: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HAMMER, str(fd), str(me), str(IDS), str(rounds)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, pass_fds=(fd,), text=True, env=environment)


@pytest.fixture
def shared():
    """A table for half as many ids as are used, so that they drive one another out, in memory that can be handed on."""
    fd = os.memfd_create("owners")
    os.ftruncate(fd, owners_size(IDS // 2))
    memory = mmap.mmap(fd, 0)
    prepare_owners(memory)
    yield fd, memory
    memory.close()
    os.close(fd)


def test_processes_that_hammer_one_table_never_see_a_wrong_owner(shared):
    fd, memory = shared
    processes = [hammering(fd, me, 25) for me in range(4)]
    for process in processes:
        told, _ = process.communicate()
        assert process.returncode == 0
        assert int(told.split()[-1]) > IDS  # and mostly they see one
    last = Owners(memory)
    known = [last.owner("b", b"%d" % id_, 99) for id_ in range(IDS)]
    assert sum(owner is not None for owner in known) > IDS // 4
    del last


def test_processes_that_are_killed_leave_a_table_that_works(shared):
    fd, memory = shared
    for me in range(6):
        process = hammering(fd, me, 1_000_000)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        while Owners(memory).owner("b", b"%d" % (IDS - 1), 0) is None:
            pass
        process.send_signal(signal.SIGKILL)
        process.communicate()
    owners = Owners(memory)
    for id_ in range(IDS):
        owner = owners.owner("b", b"%d" % id_, 99)
        assert owner is None or owner >> 1 == id_ + 1
    for id_ in range(100):
        owners.note("b", b"new-%d" % id_, 7, 1_000_000)
        assert owners.owner("b", b"new-%d" % id_, 1_000_000) == 7
    del owners
