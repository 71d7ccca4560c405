"""The key set: who a key belongs to, duplicates, emptiness, and nothing of a key in what is printed."""

import hashlib
import random

import pytest

from agw._fastpath.keys import KeySet
from agw.snapshot.model import Credential


def credential(consumer: str, key: bytes) -> Credential:
    return Credential(consumer, hashlib.sha256(key).digest())


def test_a_key_finds_its_consumer() -> None:
    keys = KeySet([credential("foo", b"key-value-foo"), credential("bar", b"key-value-bar")])
    assert keys.size == 2
    assert keys.lookup(b"key-value-foo") == "foo"
    assert keys.lookup(b"key-value-bar") == "bar"


@pytest.mark.parametrize("wrong", [b"", b"key", b"key-value-fo", b"key-value-foo ", b"KEY-VALUE-FOO", b"x" * 5000])
def test_a_wrong_key_finds_nobody(wrong: bytes) -> None:
    assert KeySet([credential("foo", b"key-value-foo")]).lookup(wrong) is None


@pytest.mark.parametrize("presented", [b"", b"x"])
def test_an_empty_set_lets_nobody_in(presented: bytes) -> None:
    keys = KeySet()
    assert keys.size == 0
    assert keys.lookup(presented) is None


def test_an_empty_key_is_an_ordinary_key_to_the_set() -> None:
    """Whether an empty credential is refused is decided where it is read (facts: 401)."""
    assert KeySet([credential("odd", b"")]).lookup(b"") == "odd"


def test_first_consumer_by_name_owns_a_shared_key() -> None:
    shared = [credential("b", b"k"), credential("a", b"k"), credential("c", b"other")]
    for order in (shared, shared[::-1]):
        keys = KeySet(order)
        assert keys.size == 2
        assert keys.lookup(b"k") == "a"
        assert keys.lookup(b"other") == "c"


def test_several_keys_of_one_consumer() -> None:
    keys = KeySet([credential("a", b"old"), credential("a", b"new")])
    assert keys.lookup(b"old") == keys.lookup(b"new") == "a"


@pytest.mark.parametrize("digest", [b"", b"\0" * 31, b"\0" * 33])
def test_a_digest_of_another_length_lets_nobody_in(digest: bytes) -> None:
    keys = KeySet([Credential("a", digest), credential("b", b"k")])
    assert keys.size == 1
    assert keys.lookup(b"k") == "b"


@pytest.mark.parametrize("count", [*range(40), 100, 1000, 30_000])
def test_every_key_of_any_set_is_found(count: int) -> None:
    stream = random.Random(count)
    presented = [stream.randbytes(stream.randrange(1, 100)) + b"%d" % n for n in range(count)]
    keys = KeySet([credential(f"c{n}", key) for n, key in enumerate(presented)])
    assert keys.size == count
    assert [keys.lookup(key) for key in presented] == [f"c{n}" for n in range(count)]
    assert all(keys.lookup(key + b"!") is None for key in presented)
    assert keys.bench_lookup([*presented, b"nobody's"], 2) == 2 * count


@pytest.mark.parametrize("index", [-1, 2, 1 << 20])
def test_consumer_refuses_an_index_that_no_lookup_gave(index: int) -> None:
    keys = KeySet([credential("a", b"1"), credential("b", b"2")])
    assert [keys.consumer(0), keys.consumer(1)] == ["a", "b"]
    with pytest.raises(IndexError):
        keys.consumer(index)


def test_what_is_printed_has_no_key_and_no_digest() -> None:
    digest = hashlib.sha256(b"canary").digest()
    printed = repr(KeySet([Credential("consumer", digest)])) + str(KeySet([Credential("consumer", digest)]))
    assert "canary" not in printed
    assert digest.hex() not in printed
    assert repr(digest) not in printed
