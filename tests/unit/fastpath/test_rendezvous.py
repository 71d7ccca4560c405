"""Rendezvous hashing: everybody comes to the same answer, by weight, and as little as can be moves."""

from __future__ import annotations

from collections import Counter

import pytest

from agw._fastpath.pool import Endpoint
from agw._fastpath.rendezvous import distance, rank, spot

IDS = [b"context-%d" % number for number in range(20_000)]
PLACES = {name: spot(name) for name in (b"a", b"b", b"c", b"d", b"e")}


def belongs(id_: bytes, places: dict[bytes, int]) -> bytes:
    return max(places, key=lambda name: rank(id_, places[name]))


def belongs_by_weight(id_: bytes, weights: dict[bytes, int]) -> bytes:
    return min(weights, key=lambda name: distance(id_, PLACES[name], weights[name]))


def test_the_numbers_are_a_format() -> None:
    """Pods of two versions serve side by side: whoever changes these sends contexts to another endpoint meanwhile."""
    assert Endpoint("127.0.0.1", 8000).spot == spot(bytes(10) + b"\xff\xff\x7f\0\0\1" + (8000).to_bytes(2, "big"))
    assert (spot(b""), spot(b"a")) == (0xA61C27A0A2740B16, 0x5AB5738A800B6686)
    assert (spot(b"context-1"), Endpoint("2001:db8::1", 80).spot) == (0x40EFBFEDB641C1, 0xFE70DC644C34820)
    assert (rank(b"context-1", 1), rank(b"", 2**64 - 1)) == (0xC331DE21CEE69FC6, 0x7A41DA4D9451F965)


def test_every_place_gets_its_share() -> None:
    shares = Counter(belongs(each, PLACES) for each in IDS)
    assert all(abs(count / len(IDS) - 1 / len(PLACES)) < 0.01 for count in shares.values())


def test_places_that_differ_little_get_their_share_too() -> None:
    """Addresses of one network, ports in a row."""
    places = {b"%d" % n: Endpoint(f"10.0.0.{n}", 8000 + n % 2).spot for n in range(1, 9)}
    shares = Counter(belongs(each, places) for each in IDS)
    assert all(abs(count / len(IDS) - 1 / len(places)) < 0.01 for count in shares.values())


@pytest.mark.parametrize("gone", PLACES)
def test_only_what_was_there_moves_where_a_place_goes(gone: bytes) -> None:
    left = {name: value for name, value in PLACES.items() if name != gone}
    for each in IDS[:2000]:
        before = belongs(each, PLACES)
        assert before == gone or belongs(each, left) == before


def test_shares_are_by_weight() -> None:
    weights = {b"a": 1, b"b": 3, b"c": 6}
    shares = Counter(belongs_by_weight(each, weights) for each in IDS)
    assert all(abs(shares[name] / len(IDS) - weight / 10) < 0.01 for name, weight in weights.items())


def test_a_weight_that_grows_takes_and_gives_nothing_away() -> None:
    before, after = {b"a": 1, b"b": 3, b"c": 6}, {b"a": 5, b"b": 3, b"c": 6}
    for each in IDS[:2000]:
        was, now = belongs_by_weight(each, before), belongs_by_weight(each, after)
        assert now in {was, b"a"}


@pytest.mark.parametrize("id_", [b"", b"x", bytes(128), b"\xff" * 128])
@pytest.mark.parametrize("weight", [1, 1000])
def test_a_distance_is_a_number_above_nothing(id_: bytes, weight: int) -> None:
    assert 0 < distance(id_, spot(b"a"), weight) < 100
