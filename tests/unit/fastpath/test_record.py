"""The ring of request records as the supervisor reads it, and the counters' table."""

import struct

import pytest

from agw._fastpath.record import COUNTERS, COUNTERS_SIZE, RECORDS_SIZE, read_records
from agw.errors import Reason
from tests.unit.fastpath.records import HEADER, LAYOUT, ROOMS, SIZE, SLOTS, TEXTS, record


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
        "operation": "GetAgentCard",
        "method": "GET",
        "stream": False,
        "card": False,
        "reused": False,
        "retried": False,
        "started_ns": 1_700_000_000_123_456_789,
        "first_byte_us": 250,
        "total_us": 1200,
        "request_bytes": 300,
        "response_bytes": 130,
        "request_id": "abc-1",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "peer": "192.0.2.1",
        "peer_port": 50000,
        "endpoint": "2001:db8::1",
        "endpoint_port": 8000,
        "status": 401,
        "port": 80,
        "listener": "default/gw/http",
        "route": "HTTPRoute/default/r",
        "rule": 3,
        "backend": "Backend/default/b",
        "consumer": "alice",
        "path": "/a/b",
        "events": 0,
        "first_event_us": -1,
        "task_state": "",
        "ended_by": "",
        "affinity": "",
        "a2a_version": "",
    }


@pytest.mark.parametrize(("flag", "name"), [(1, "stream"), (2, "card"), (4, "reused"), (8, "retried")])
def test_each_flag_is_its_own(flag, name):
    found = only(flags=flag)
    assert [key for key in ("stream", "card", "reused", "retried") if getattr(found, key)] == [name]


@pytest.mark.parametrize(("number", "name"), [*enumerate(["", "pinned", "hashed", "gone", "none"]), (255, "")])
def test_how_the_endpoint_was_found(number, name):
    assert only(affinity=number).affinity == name


@pytest.mark.parametrize(("number", "name"), [*enumerate(["", "0.3", "1.0", "other"]), (255, "")])
def test_which_version_the_client_names(number, name):
    assert only(a2a_version=number).a2a_version == name


def told(**changes):
    found = only(**changes)
    return (found.events, found.first_event_us, found.task_state, found.ended_by)


def test_the_start_of_a_stream():
    assert only(kind=1).kind == "start"
    assert told(kind=1, flags=1 + 16, events=0, first_event=-1, task_state=0) == (0, -1, "", "")


@pytest.mark.parametrize(
    ("reason", "ended_by"),
    [
        (Reason.UPSTREAM, "agent"),
        (Reason.UPSTREAM_CLOSED, "agent_cut"),
        (Reason.CLIENT_CLOSED, "client"),
        (Reason.UPSTREAM_TIMEOUT, "timeout"),
        (Reason.DRAINED, "gateway"),
        (255, "gateway"),
    ],
)
def test_what_was_heard_of_a_stream(reason, ended_by):
    assert told(flags=1 + 16, reason=reason) == (7, 400, "completed", ended_by)
    assert told(flags=1, reason=reason) == (0, -1, "", ended_by)
    assert told(flags=16, reason=reason) == (7, 400, "completed", "")


def test_a_state_that_cannot_be_is_none():
    assert only(flags=16, task_state=255).task_state == ""


def test_what_there_is_not():
    found = only(endpoint=bytes(16), endpoint_port=0, first_byte=-1, route=b"", operation=0)
    assert (found.endpoint, found.endpoint_port, found.first_byte_us) == ("", 0, -1)
    assert (found.route, found.operation) == ("", "")


def test_texts_that_fill_their_room_or_are_cut_within_a_character():
    found = only(route=b"r" * 143 + b"\xc3", path=b"/" * 144)
    assert (found.route, found.path) == ("r" * 143 + "\N{REPLACEMENT CHARACTER}", "/" * 144)


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
        assert kind in {"counter", "gauge", "peak"}
        assert metric.endswith("_total") == (kind == "counter")
        assert text.endswith(".")


def test_there_is_a_counter_for_each_reason_in_order():
    labels = [label for _, metric, label, _, _ in COUNTERS if metric == "agw_exchanges_total"]
    assert labels == [f'reason="{reason.name.lower()}"' for reason in sorted(Reason)]


@pytest.mark.parametrize("name", TEXTS)
def test_a_length_that_cannot_be_reads_nothing_beyond_its_field(name):
    whole = only()._asdict()
    found = only(**{f"{name}_len": 255})._asdict()
    assert len(found.pop(name)) == ROOMS[name]
    assert found == {key: value for key, value in whole.items() if key != name}


def test_an_operation_that_cannot_be_is_none():
    assert only(operation=255).operation == ""


def test_a_count_that_cannot_be_ends():
    assert read_records(ring(record(1), written=2**64 - 1)) == []
    assert read_records(ring(record(1), written=2**64 - 1), 2**64 - 1) == []
