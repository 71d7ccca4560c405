"""The JSON line of a record: always one line, always JSON, whatever bytes are in its texts."""

import json
from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agw._fastpath.record import read_records
from agw._fastpath.record_json import format_record
from agw.errors import Reason
from tests.unit.fastpath.records import ROOMS, TEXTS, record
from tests.unit.fastpath.test_record import ring

KEYS = {"request_id": "id"}


def line(**changes):
    text = format_record(record(1, **changes))
    assert text.endswith(b"}\n")
    assert text.count(b"\n") == 1
    return json.loads(text)


def test_a_line_says_all_that_there_is_in_its_order():
    assert format_record(record(1, flags=1 + 16)).decode() == (
        '{"time":"2023-11-14T22:13:20.123456Z","id":"abc-1","peer":"192.0.2.1:50000","port":80,'
        '"listener":"default/gw/http","route":"HTTPRoute/default/r","rule":3,"backend":"Backend/default/b",'
        '"endpoint":"[2001:db8::1]:8000","consumer":"alice","operation":"GetAgentCard","method":"GET","path":"/a/b",'
        '"status":401,"reason":"unauthenticated","first_byte_ms":0.250,"total_ms":1.200,"bytes_in":300,"bytes_out":130,'
        '"stream":true,"reused":false,"retried":false,"events":7,"first_event_ms":0.400,"ended_by":"gateway",'
        '"task_state":"completed","trace_id":"0af7651916cd43dd8448eb211c80319c"}\n'
    )


def test_what_is_not_known_is_left_out():
    nothing = dict.fromkeys(TEXTS, b"") | {"endpoint": bytes(16), "endpoint_port": 0, "operation": 0}
    assert line(**nothing, first_byte=-1, status=0, request_bytes=0, response_bytes=0) == {
        "time": "2023-11-14T22:13:20.123456Z",
        "peer": "192.0.2.1:50000",
        "port": 80,
        "reason": "unauthenticated",
        "total_ms": 1.2,
        "bytes_in": 0,
        "bytes_out": 0,
        "stream": False,
        "reused": False,
        "retried": False,
    }


def test_the_start_of_a_stream_says_so():
    assert line(kind=1)["event"] == "start"
    assert "event" not in line()


@pytest.mark.parametrize(("number", "name"), list(enumerate(["", "pinned", "hashed", "gone", "none"])))
def test_how_the_endpoint_was_found(number, name):
    assert line(affinity=number).get("affinity", "") == name


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_its_word(reason):
    assert line(reason=reason)["reason"] == reason.word


def test_each_flag_is_its_own():
    for flag, name in ((1, "stream"), (4, "reused"), (8, "retried")):
        assert [key for key in ("stream", "reused", "retried") if line(flags=flag)[key]] == [name]


def heard(**changes):
    told = line(**changes)
    return {key: told[key] for key in ("events", "first_event_ms", "task_state", "ended_by") if key in told}


def test_what_was_heard_of_a_stream():
    assert heard(flags=1 + 16, reason=0) == {
        "events": 7,
        "first_event_ms": 0.4,
        "task_state": "completed",
        "ended_by": "agent",
    }
    assert heard(flags=1 + 16, reason=10, events=0, first_event=-1, task_state=0) == {"events": 0, "ended_by": "client"}
    assert heard(flags=1 + 16, kind=1, events=0, first_event=-1, task_state=0) == {"events": 0}
    assert heard(flags=1, reason=8) == {"ended_by": "agent_cut"}
    assert heard(flags=16) == {"task_state": "completed"}
    assert heard(flags=0) == {}


@given(st.sampled_from(sorted(ROOMS.keys() - {"trace_id"})), st.binary(max_size=144))
def test_any_bytes_are_a_text(name, raw):
    raw = raw[: ROOMS[name]]
    told = line(**{name: raw}).get(KEYS.get(name, name), "")
    # Python makes one replacement of a truncated sequence, and we one of each of its bytes: compare what is sound.
    sound = raw.decode("utf-8", "replace")
    assert told.replace("\N{REPLACEMENT CHARACTER}", "") == sound.replace("\N{REPLACEMENT CHARACTER}", "")
    assert ("\N{REPLACEMENT CHARACTER}" in told) == ("\N{REPLACEMENT CHARACTER}" in sound)


@given(st.text(max_size=36))
def test_text_stays_itself(text):
    assert line(path=text.encode()).get("path", "") == text


def test_every_byte_alone():
    for byte in range(256):
        assert line(consumer=bytes([byte]))["consumer"] == bytes([byte]).decode("utf-8", "replace")


def test_the_longest_line_fits():
    full = {name: b"\x01" * room for name, room in ROOMS.items()}
    most = {"request_bytes": 2**64 - 1, "response_bytes": 2**64 - 1, "total": 2**63 - 1, "first_byte": 2**63 - 1}
    found = line(**full, **most, flags=255, events=2**64 - 1, first_event=2**63 - 1, task_state=8, reason=8, affinity=1)
    assert found["path"] == "\x01" * 144
    assert found["bytes_in"] == 2**64 - 1


@given(st.binary(min_size=16, max_size=16))
def test_addresses(raw):
    address = IPv6Address(raw)
    shown = str(address.ipv4_mapped) if address.ipv4_mapped else f"[{address}]"
    told = line(peer=raw)["peer"].rpartition(":")[0]
    if address.ipv4_mapped:
        assert told == shown
    else:
        assert IPv6Address(told[1:-1]) == address


@given(st.integers(min_value=0, max_value=4_000_000_000_000_000_000))
def test_times(ns):
    from datetime import UTC, datetime

    told = datetime.fromisoformat(line(started=ns)["time"])
    assert told == datetime.fromtimestamp(ns // 10**9, UTC).replace(microsecond=ns % 10**9 // 1000)


@given(st.integers(min_value=0, max_value=2**53))
def test_durations_are_exact(us):
    text = format_record(record(1, total=us)).decode()
    shown = text.partition('"total_ms":')[2].partition(",")[0]
    assert shown == f"{us // 1000}.{us % 1000:03d}"


def test_a_line_and_a_decoded_record_agree():
    (decoded,) = read_records(ring(record(1)))
    told = line()
    assert (told["path"], told["route"], told["rule"]) == (decoded.path, decoded.route, decoded.rule)


def test_what_is_no_record_is_refused():
    with pytest.raises(ValueError, match="912 bytes"):
        format_record(b"short")
    with pytest.raises(ValueError, match="longer than its room"):
        format_record(record(1, path_len=255))
