"""The ring of request records as the supervisor reads it, and the counters' table.

Records are made here byte for byte after the layout in record.pxd: it is a format between processes, so a change of it
must show.
"""

import struct
from ipaddress import IPv6Address

import pytest

from agw._fastpath.record import COUNTERS, COUNTERS_SIZE, RECORDS_SIZE, read_records
from agw.errors import Reason

HEADER, SLOTS, SIZE = 64, 1024, 384
LAYOUT = struct.Struct("<HHBBBBQqqqQQ16s16s16sHHHHBBBx96s40s132s")
KIND, FLAGS, FIRST_BYTE, REQUEST_ID, PEER, ENDPOINT, ENDPOINT_PORT, RULE_LEN, PATH_LEN, RULE, PATH = (
    2, 5, 8, 12, 13, 14, 18, 19, 21, 22, 24,
)  # fmt: skip
VALUES = (
    1, SIZE, 0, 3, 3, 0, 1, 1_700_000_000_000_000_000, 250, 1200, 300, 130, bytes(range(16)),
    IPv6Address("::ffff:192.0.2.1").packed, IPv6Address("2001:db8::1").packed, 401, 80, 50000, 8000, 6, 5, 4,
    b"rule/a", b"alice", b"/a/b",
)  # fmt: skip


def record(sequence, **changes):
    values = list(VALUES)
    values[6] = sequence
    for place, value in changes.items():
        values[globals()[place]] = value
    return LAYOUT.pack(*values)


def ring(*records, written=None):
    """Put records into their slots; written: how many there ever were."""
    memory = bytearray(RECORDS_SIZE)
    for each in records:
        sequence = struct.unpack_from("<Q", each, 8)[0]
        at = HEADER + (sequence - 1) % SLOTS * SIZE
        memory[at : at + SIZE] = each
        struct.pack_into("<Q", memory, 0, sequence if written is None else written)
    return memoryview(memory)


def only(**changes):
    (found,) = read_records(ring(record(1, **changes)))
    return found


def test_the_sizes_are_those_of_the_format():
    assert LAYOUT.size == SIZE
    assert RECORDS_SIZE == HEADER + SLOTS * SIZE


def test_every_field_is_read_from_its_place():
    assert only()._asdict() == {
        "sequence": 1,
        "kind": "end",
        "reason": Reason.UNAUTHENTICATED,
        "method": 3,
        "stream": False,
        "card": False,
        "reused": False,
        "retried": False,
        "started_ns": 1_700_000_000_000_000_000,
        "first_byte_us": 250,
        "total_us": 1200,
        "request_bytes": 300,
        "response_bytes": 130,
        "request_id": "000102030405060708090a0b0c0d0e0f",
        "peer": "192.0.2.1",
        "peer_port": 50000,
        "endpoint": "2001:db8::1",
        "endpoint_port": 8000,
        "status": 401,
        "port": 80,
        "rule": "rule/a",
        "consumer": "alice",
        "path": "/a/b",
    }


@pytest.mark.parametrize(("flag", "name"), [(1, "stream"), (2, "card"), (4, "reused"), (8, "retried")])
def test_each_flag_is_its_own(flag, name):
    found = only(FLAGS=flag)
    assert [key for key in ("stream", "card", "reused", "retried") if getattr(found, key)] == [name]


def test_the_start_of_a_stream():
    assert only(KIND=1).kind == "start"


def test_what_there_is_not():
    found = only(ENDPOINT=bytes(16), ENDPOINT_PORT=0, FIRST_BYTE=-1, RULE_LEN=0)
    assert (found.endpoint, found.endpoint_port, found.first_byte_us, found.rule) == ("", 0, -1, "")


def test_texts_that_fill_their_room_or_are_cut_within_a_character():
    found = only(RULE=b"r" * 95 + b"\xc3", RULE_LEN=96, PATH=b"/" * 132, PATH_LEN=132)
    assert (found.rule, found.path) == ("r" * 95 + "\N{REPLACEMENT CHARACTER}", "/" * 132)


def sequences(memory, after=0):
    return [each.sequence for each in read_records(memory, after)]


def test_an_empty_ring():
    assert sequences(ring()) == []


def test_records_come_oldest_first_and_only_new_ones():
    memory = ring(*map(record, range(1, 6)))
    assert sequences(memory) == [1, 2, 3, 4, 5]
    assert sequences(memory, after=3) == [4, 5]
    assert sequences(memory, after=5) == []


def test_a_reader_that_is_ahead_of_the_ring_gets_nothing():
    """A worker that was started again counts from 1."""
    assert sequences(ring(record(1)), after=7) == []


def test_the_last_ones_are_left_when_the_ring_has_gone_round():
    memory = ring(*map(record, range(1, SLOTS + 4)))
    assert sequences(memory) == list(range(4, SLOTS + 4))
    assert sequences(memory, after=SLOTS) == [SLOTS + 1, SLOTS + 2, SLOTS + 3]


def test_a_slot_that_is_being_written_is_left_out():
    memory = ring(record(1), record(2), record(3))
    struct.pack_into("<Q", memory, HEADER + SIZE + 8, 0)
    assert sequences(memory) == [1, 3]


def test_counters_have_places_and_names_of_their_own():
    places = [index for index, *_ in COUNTERS]
    assert len(set(places)) == len(places)
    assert all(0 <= place < COUNTERS_SIZE // 8 for place in places)
    series = [(metric, label) for _, metric, label, _, _ in COUNTERS]
    assert len(set(series)) == len(series)


def test_counters_are_named_as_their_type_asks():
    for _, metric, _, kind, text in COUNTERS:
        assert metric.startswith("agw_")
        assert kind in {"counter", "gauge"}
        assert metric.endswith("_total") == (kind == "counter")
        assert text.endswith(".")


def test_there_is_a_counter_for_each_reason_in_order():
    labels = [label for _, metric, label, _, _ in COUNTERS if metric == "agw_exchanges_total"]
    assert labels == [f'reason="{reason.name.lower()}"' for reason in sorted(Reason)]


@pytest.mark.parametrize("place", [RULE_LEN, RULE_LEN + 1, PATH_LEN])
def test_a_length_that_cannot_be_reads_nothing_beyond_its_field(place):
    values = list(VALUES)
    values[6], values[place] = 1, 255
    (found,) = read_records(ring(LAYOUT.pack(*values)))
    assert [len(text) for text in (found.rule, found.consumer, found.path)] == [
        96 if place == RULE_LEN else 6,
        40 if place == RULE_LEN + 1 else 5,
        132 if place == PATH_LEN else 4,
    ]


def test_a_count_that_cannot_be_ends():
    assert read_records(ring(record(1), written=2**64 - 1)) == []
    assert read_records(ring(record(1), written=2**64 - 1), 2**64 - 1) == []
