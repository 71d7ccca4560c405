"""The access log's ring and thread: every line arrives whole and once, or is counted."""

import json
import os
import threading
import time
from pathlib import Path

import pytest

from agw._fastpath.access_log import AccessLog
from agw._fastpath.record import COUNTERS, COUNTERS_SIZE
from tests.unit.fastpath.records import record

DROPPED = next(index for index, name, *_ in COUNTERS if name == "agw_access_log_dropped_total")
PATIENCE = 20.0


@pytest.fixture
def counters():
    return memoryview(bytearray(COUNTERS_SIZE))


def dropped(counters):
    return int.from_bytes(counters[DROPPED * 8 : DROPPED * 8 + 8], "little")


def ids(text):
    return [json.loads(line)["id"] for line in text.decode().splitlines()]


def numbered(count):
    return [record(1, request_id=str(number).encode()) for number in range(count)]


def until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.002)


def test_lines_come_in_order_and_whole(tmp_path, counters):
    path = tmp_path / "access.log"
    path.write_bytes(b'{"id":"before"}\n')
    log = AccessLog(str(path), -1, counters=counters)
    for each in numbered(5000):
        log.put(each)
        if len(each) % 7 == 0:
            time.sleep(0)
    log.close()
    told = ids(path.read_bytes())
    assert told[0] == "before"
    assert len(told) - 1 + dropped(counters) == 5000
    assert told[1:] == sorted(told[1:], key=int)


def test_a_line_arrives_without_another_behind_it(tmp_path, counters):
    path = tmp_path / "access.log"
    log = AccessLog(str(path), -1, counters=counters)
    for number in range(3):
        log.put(record(1, request_id=str(number).encode()))
        until(lambda number=number: len(path.read_bytes().splitlines()) == number + 1, "the line")
    log.close()


def test_the_ring_goes_round(tmp_path, counters):
    path = tmp_path / "access.log"
    log = AccessLog(str(path), -1, counters=counters)
    long = b"/" + b"x" * 143
    for number in range(6000):  # several times the ring
        log.put(record(1, path=long, route=b"r" * 144, request_id=str(number).encode()))
        if number % 500 == 499:
            until(lambda number=number: path.read_bytes().count(b"\n") == number + 1, "the thread keeps up")
    log.close()
    assert ids(path.read_bytes()) == [str(number) for number in range(6000)]
    assert dropped(counters) == 0


def test_a_reader_that_stalls_costs_lines_and_no_time(counters):
    reader, writer = os.pipe()
    log = AccessLog("", writer, counters=counters)
    os.close(writer)
    many = numbered(8000)
    for each in many:
        log.put(each)  # would never return if it waited: nobody reads
    assert dropped(counters) > 0
    text = bytearray()

    def drain():
        while data := os.read(reader, 1 << 16):
            text.extend(data)

    draining = threading.Thread(target=drain)
    draining.start()
    log.close()
    draining.join(PATIENCE)
    os.close(reader)
    told = ids(bytes(text))
    assert len(told) + dropped(counters) == 8000
    assert told == sorted(told, key=int)


def test_closing_does_not_wait_for_a_reader_that_stalls(counters):
    reader, writer = os.pipe()
    log = AccessLog("", writer, counters=counters)
    for each in numbered(4000):
        log.put(each)
    log.close()
    log.close()
    os.close(writer)
    os.close(reader)  # and the thread's write fails, so that it ends


def test_a_reader_that_is_gone_is_counted(counters):
    reader, writer = os.pipe()
    log = AccessLog("", writer, counters=counters)
    os.close(reader)
    os.close(writer)
    for each in numbered(100):
        log.put(each)
    log.close()
    assert dropped(counters) == 100


def test_a_pipe_that_is_not_blocking(counters):
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    log = AccessLog("", writer, counters=counters)
    os.close(writer)
    for each in numbered(1000):
        log.put(each)
    text = bytearray()

    def drain():
        while data := os.read(reader, 1 << 12):
            text.extend(data)

    draining = threading.Thread(target=drain)
    draining.start()
    until(lambda: text.count(b"\n") + dropped(counters) == 1000, "all lines")
    log.close()
    draining.join(PATIENCE)
    os.close(reader)
    assert dropped(counters) == 0
    assert ids(bytes(text)) == [str(number) for number in range(1000)]


def test_lines_of_two_writers_on_one_pipe_do_not_mix(counters):
    reader, writer = os.pipe()
    logs = [AccessLog("", writer, counters=counters) for _ in range(2)]
    os.close(writer)
    text = bytearray()

    def drain():
        while data := os.read(reader, 1 << 16):
            text.extend(data)

    draining = threading.Thread(target=drain)
    draining.start()
    for number in range(3000):
        for which, log in enumerate(logs):
            log.put(record(1, request_id=f"{which}-{number}".encode()))
        if number % 200 == 199:
            until(lambda number=number: text.count(b"\n") >= 2 * number - 200, "the threads keep up")
    for log in logs:
        log.close()
    draining.join(PATIENCE)
    os.close(reader)
    told = ids(bytes(text))
    for which in "01":
        assert [each for each in told if each[0] == which] == [f"{which}-{number}" for number in range(3000)]


def test_a_file_that_was_moved_away_is_left_for_a_new_one(tmp_path, counters):
    path, old = tmp_path / "access.log", tmp_path / "access.log.1"
    log = AccessLog(str(path), -1, counters=counters)
    log.put(record(1, request_id=b"first"))
    until(lambda: path.read_bytes().count(b"\n") == 1, "the first line")
    path.rename(old)
    written = 1

    def moved():
        nonlocal written
        log.put(record(1, request_id=b"later"))
        written += 1
        return path.exists() and path.read_bytes()

    until(moved, "a new file")
    log.close()
    told = ids(old.read_bytes()) + ids(path.read_bytes())
    assert told == ["first", *["later"] * (written - 1)]
    assert path.stat().st_mode & 0o777 & ~0o640 == 0


def test_starts_of_streams_are_written_on_demand(tmp_path, counters):
    for starts, events in ((False, []), (True, ["start"])):
        path = tmp_path / f"{starts}.log"
        log = AccessLog(str(path), -1, counters=counters, starts=starts)
        log.put(record(1, kind=1))
        log.close()
        assert [json.loads(line)["event"] for line in path.read_text().splitlines()] == events


def test_a_file_that_cannot_be_opened(tmp_path, counters):
    with pytest.raises(FileNotFoundError):
        AccessLog(str(tmp_path / "none" / "access.log"), -1, counters=counters)
    with pytest.raises(IsADirectoryError):
        AccessLog(str(tmp_path), -1, counters=counters)
    with pytest.raises(OSError, match="Bad file descriptor"):
        AccessLog("", 1 << 20, counters=counters)
    with pytest.raises(ValueError, match="no counters"):
        AccessLog(str(tmp_path / "x"), -1, counters=memoryview(bytearray(8)))


def test_neither_descriptors_nor_threads_are_left(tmp_path, counters):
    def alive():
        return [len(list(Path("/proc/self", folder).iterdir())) for folder in ("fd", "task")]

    before = alive()
    for number in range(5):
        AccessLog(str(tmp_path / str(number)), -1, counters=counters).close()
        AccessLog(str(tmp_path / "dropped"), -1, counters=counters)
    assert alive() == before
