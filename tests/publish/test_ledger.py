"""What is published, and what somebody lacks of it, whatever they have."""

from __future__ import annotations

from collections import deque
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agw.controller.publish import ledger as module
from agw.controller.publish.ledger import Base, Ledger
from agw.dataplane.mirror import Diverged, Mirror
from agw.snapshot.codec import SnapshotError, decode_snapshot, encode
from agw.snapshot.delta import changes
from agw.snapshot.model import Snapshot
from agw.snapshot.stream import (
    MAX_MESSAGE,
    NOTHING,
    Hello,
    Ping,
    Receiver,
    StreamError,
    Token,
    Update,
    add,
    digest,
    entry_hash,
    frame,
)
from tests.publish.stage import route, routes
from tests.unit.snapshot.entries import entry_maps


def publish(ledger, entries):
    to_set, gone = changes(ledger.entries, entries)
    return ledger.publish(entries, (*to_set, *gone))


def update(made):
    """Read a frame as a data plane does."""
    [message] = Receiver.of_data_plane().feed(made)
    assert isinstance(message, Update)
    return message


def mirror_of(entries):
    mirror = Mirror()
    mirror.take(entries)
    return mirror


@settings(max_examples=40, deadline=None)
@given(st.lists(entry_maps(), min_size=1, max_size=5), st.data())
def test_from_wherever_a_data_plane_is_an_update_leads_to_the_latest(maps, data):
    ledger, mirrors = Ledger(), [Mirror()]
    for entries in maps:
        publish(ledger, entries)
        mirrors.append(mirror_of(entries))
    for mirror in mirrors:
        base = ledger.base_of(mirror.digest)
        assert base is not None
        if base != Base(ledger.version):
            mirror.apply(update(ledger.update_from(base)))
        assert mirror.entries == maps[-1]
        assert mirror.digest == ledger.digest
    stranger = mirror_of(data.draw(entry_maps()))
    base = ledger.base_of(stranger.digest) or ledger.meet(stranger.digest, stranger.inventory())
    assert ledger.base_of(stranger.digest) is not None
    stranger.apply(update(ledger.update_from(base)))
    assert stranger.entries == maps[-1]


@settings(max_examples=40, deadline=None)
@given(st.lists(entry_maps(), min_size=2, max_size=5))
def test_what_has_been_forgotten_is_compared(maps):
    ledger = Ledger()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MAX_VERSIONS", 1)
        for entries in maps:
            publish(ledger, entries)
        first = mirror_of(maps[0])
        base = ledger.base_of(first.digest) or ledger.meet(first.digest, first.inventory())
        first.apply(update(ledger.update_from(base)))
    assert first.entries == maps[-1]


@settings(max_examples=40, deadline=None)
@given(entry_maps())
def test_a_hash_is_the_same_on_both_sides_and_in_any_order(entries):
    decoded = decode_snapshot(encode(Snapshot(1, entries))).entries
    total = add(0, (entry_hash(key, entry) for key, entry in entries.items()))
    assert add(0, (entry_hash(key, decoded[key]) for key in sorted(decoded, reverse=True))) == total
    assert add(total, (), without=[entry_hash(key, entry) for key, entry in entries.items()]) == 0


def test_nothing_is_not_an_empty_configuration():
    ledger = Ledger()
    publish(ledger, {})
    assert ledger.version == 1
    assert ledger.digest != NOTHING
    mirror = Mirror()
    assert mirror.apply(update(ledger.update_from(Base()))) == frozenset()
    assert mirror.digest == ledger.digest


def test_the_same_again_is_no_version():
    ledger = Ledger()
    assert publish(ledger, routes(1))
    assert not ledger.publish(routes(1), routes(1))
    assert not ledger.publish(dict(routes(1)), ["a key that nobody has"])
    assert ledger.version == 1


def test_one_route_in_five_thousand_is_a_small_frame_that_all_share():
    ledger, entries = Ledger(), routes(*range(5000))
    publish(ledger, entries)
    everything = ledger.update_from(Base())
    ledger.publish({**entries, **route(7, "/changed")}, route(7))
    small = ledger.update_from(Base(1))
    assert len(small) < 700
    assert len(everything) > 1_000_000
    assert ledger.update_from(Base(1)) is small


def test_who_is_one_version_behind_costs_a_look_at_that_version_alone():
    looked = []

    class Steps(deque):
        def __reversed__(self):
            for step in super().__reversed__():
                looked.append(step.version)
                yield step

        def __iter__(self):
            looked.extend([0] * len(self))
            return super().__iter__()

    ledger = Ledger()
    ledger._steps = Steps()
    publish(ledger, routes(*range(200)))
    for number in range(500):
        ledger.publish({**ledger.entries, **route(number % 7, f"/{number}")}, route(number % 7))
    looked.clear()
    mirror = mirror_of(ledger.entries)
    ledger.publish({**ledger.entries, **route(3, "/last")}, route(3))
    mirror.apply(update(ledger.update_from(Base(ledger.version - 1))))
    assert mirror.entries == ledger.entries
    assert looked == [ledger.version, ledger.version - 1]


def test_few_updates_are_kept():
    ledger = Ledger()
    publish(ledger, routes(*range(40)))
    for number in range(40):
        ledger.update_from(Base(1, frozenset(route(number))))
    assert len(ledger._frames) == module.MAX_FRAMES


def test_what_one_data_plane_had_is_known_of_the_next():
    old, ledger = mirror_of(routes(*range(100))), Ledger()
    publish(ledger, routes(*range(1, 101)))
    base = ledger.meet(old.digest, old.inventory())
    again = ledger.base_of(mirror_of(routes(*range(100))).digest)
    assert again == base
    assert ledger.update_from(again) is ledger.update_from(base)
    publish(ledger, routes(*range(2, 101)))
    old.apply(update(ledger.update_from(ledger.base_of(old.digest))))
    assert old.entries == routes(*range(2, 101))


def test_history_has_a_bound():
    ledger = Ledger()
    publish(ledger, routes(*range(2000)))
    for number in range(2 * module.MAX_VERSIONS):
        ledger.publish({**ledger.entries, **route(number % 7, f"/{number}")}, route(number % 7))
    assert len(ledger._steps) <= module.MAX_VERSIONS
    for number in range(3):
        ledger.publish(routes(*range(2000), port=10 + number), ledger.entries.keys())
    assert ledger._kept_keys <= len(ledger.entries)
    assert sum(len(step.changed) for step in ledger._steps) == ledger._kept_keys


def test_an_update_that_does_not_fit_changes_nothing():
    ledger = Ledger()
    publish(ledger, routes(1))
    publish(ledger, routes(1, 2))
    other = mirror_of(routes(5))
    with pytest.raises(Diverged):
        other.apply(update(ledger.update_from(Base(1))))
    assert other.entries == routes(5)
    other.forget()
    assert (other.digest, other.entries) == (NOTHING, routes(5))
    other.apply(update(ledger.update_from(Base())))
    assert other.entries == routes(1, 2)


def test_an_update_of_another_format_is_refused_with_a_reason():
    with pytest.raises(SnapshotError, match="snapshot format 99"):
        Mirror().apply(Update(1, b"", bytes((99,))))


def test_frames_come_in_any_pieces():
    messages = [Ping(), Hello(1, 2, "a/b", "t", digest(5)), Ping()]
    data = b"".join(map(frame, messages))
    for size in (1, 3, len(data)):
        receiver = Receiver.of_controller()
        got = [message for at in range(0, len(data), size) for message in receiver.feed(data[at : at + size])]
        assert got == messages


@pytest.mark.parametrize(
    "data",
    [
        (MAX_MESSAGE + 1).to_bytes(4, "big"),
        b"\0\0\0\1\xc1",
        b"\0\0\0\0",
        frame(Ping())[:4] + b"\x80" * (len(frame(Ping())) - 4),
        frame(Update(1, b"", b"")),  # the controller's to say
        frame(Token("\ud800".encode("utf-8", "surrogatepass").decode("latin-1"))).replace(b"\xc3\xad", b"\xff\xff"),
    ],
)
def test_what_is_no_message_ends_it(data):
    with pytest.raises(StreamError):
        Receiver.of_controller().feed(data)


def test_what_is_too_deep_is_no_message():
    ping = msgspec.msgpack.encode({"type": "Ping"})
    deep = b"\x82" + ping[1:] + b"\xa1x" + b"\x91" * 60_000 + b"\xc0"
    with pytest.raises(StreamError):
        Receiver.of_controller().feed(len(deep).to_bytes(4, "big") + deep)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=4), st.booleans())
def test_whatever_comes_is_a_message_or_the_end(pieces, framed):
    for receiver in (Receiver.of_controller(), Receiver.of_data_plane()):
        with suppress(StreamError):
            for piece in pieces:
                for message in receiver.feed(len(piece).to_bytes(4, "big") + piece if framed else piece):
                    if isinstance(message, Update):
                        with suppress(SnapshotError, Diverged):
                            Mirror().apply(message)


@settings(max_examples=200, deadline=None)
@given(entry_maps(), st.integers(0, 10_000), st.integers(0, 255))
def test_a_damaged_update_is_refused_or_diverges(entries, at, value):
    ledger = Ledger()
    publish(ledger, entries)
    whole = update(ledger.update_from(Base()))
    at %= len(whole.delta)
    mirror = Mirror()
    damaged = whole.delta[:at] + bytes((value,)) + whole.delta[at + 1 :]
    with suppress(SnapshotError, Diverged):
        mirror.apply(Update(whole.version, whole.digest, damaged))
    assert mirror.digest in {NOTHING, ledger.digest}


def test_a_later_release_may_say_more():
    later = msgspec.msgpack.encode({"type": "Ping", "mood": "good"})
    assert Receiver.of_controller().feed(len(later).to_bytes(4, "big") + later) == [Ping()]


def test_no_token_is_in_a_representation():
    assert "secret" not in repr(Hello(1, 1, "a/b", "secret")) + repr(Token("secret")) + repr([Token("secret")])
