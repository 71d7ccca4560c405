"""Seats of event streams: exact over processes, and free again when a process has ended, whatever it was doing."""

import mmap
import multiprocessing
import os
import struct

import pytest

from agw._fastpath.seats import Seats, own_seats, prepare_seats, seats_size, unlock, vacate

WINDOW = 32  # rows that are looked at for a tag
MOST = 5
TAGS = range(1, 400)


def table(columns):
    memory = bytearray(seats_size(columns))
    prepare_seats(memory, columns)
    return memory


def test_as_many_as_there_are_and_no_more():
    seats = own_seats()
    rows = [seats.try_take(7, 3) for _ in range(3)]
    assert min(rows) >= 0
    assert seats.try_take(7, 3) == -1
    assert seats.taken(7) == 3
    seats.try_leave(rows[0])
    assert seats.try_take(7, 3) == rows[0]
    assert seats.try_take(7, 3) == -1
    assert seats.try_take(7, 4) >= 0  # the limit was raised meanwhile


def test_others_have_seats_of_their_own():
    seats = own_seats()
    assert seats.try_take(7, 1) >= 0
    assert seats.try_take(7 + 1024, 1) >= 0  # whose row would be the same
    assert seats.try_take(7, 1) == seats.try_take(7 + 1024, 1) == -1


def test_all_processes_count():
    memory = table(2)
    one, other = Seats(memory, 0), Seats(memory, 1)
    row = one.try_take(7, 2)
    assert other.try_take(7, 2) == row
    assert one.try_take(7, 2) == other.try_take(7, 2) == -1
    one.try_leave(row)
    assert other.try_take(7, 2) == row
    assert other.taken(7) == 2


def test_a_process_that_has_ended_leaves_nothing_taken():
    memory = table(2)
    one, other = Seats(memory, 0), Seats(memory, 1)
    assert one.try_take(7, 2) == other.try_take(7, 2)
    vacate(memory, 0)
    assert other.taken(7) == 1
    assert other.try_take(7, 2) >= 0
    assert other.try_take(7, 2) == -1


def test_a_process_that_has_ended_with_the_lock_keeps_nobody_out():
    memory = table(1)
    seats = Seats(memory, 0)
    struct.pack_into("<Q", memory, 0, 4711)
    assert seats.try_take(7, 2) == -1  # no limit is passed by
    unlock(memory, 4712)
    assert seats.try_take(7, 2) == -1
    unlock(memory, 4711)
    assert seats.try_take(7, 2) >= 0


def test_rows_without_seats_are_free_for_others():
    seats = own_seats()
    tags = [5 + 1024 * n for n in range(WINDOW)]
    rows = [seats.try_take(tag, 1) for tag in tags]
    assert len(set(rows)) == WINDOW
    assert seats.try_take(5 + 1024 * WINDOW, 1) == -1  # none is free: better refused than uncounted
    seats.try_leave(rows[9])
    assert seats.try_take(5 + 1024 * WINDOW, 1) == rows[9]
    assert seats.taken(tags[9]) == 0


@pytest.mark.parametrize(("memory", "column"), [(bytearray(8), 0), (table(2), 2), (table(2), -1), (table(4)[:-64], 0)])
def test_memory_or_columns_that_cannot_be(memory, column):
    with pytest.raises(ValueError, match=r"table|column"):
        Seats(memory, column)


def race(fd, column, start, told):
    with mmap.mmap(fd, 0) as memory:
        seats = Seats(memory, column)
        start.wait()
        told.put([sum(seats.try_take(tag, MOST) >= 0 for _ in range(MOST + 1)) for tag in TAGS])
        del seats


def test_exact_while_four_processes_take_at_the_same_time():
    context = multiprocessing.get_context("fork")
    fd = os.memfd_create("seats")
    os.ftruncate(fd, seats_size(4))
    with mmap.mmap(fd, 0) as memory:
        prepare_seats(memory, 4)
        start, told = context.Barrier(4), context.SimpleQueue()
        workers = [context.Process(target=race, args=(fd, column, start, told)) for column in range(4)]
        for worker in workers:
            worker.start()
        taken = [told.get() for _ in workers]
        for worker in workers:
            worker.join()
        seats = Seats(memory, 0)
        assert [sum(each) for each in zip(*taken, strict=True)] == [MOST] * len(TAGS)
        assert [seats.taken(tag) for tag in TAGS] == [MOST] * len(TAGS)
        del seats
    os.close(fd)
