"""Our SHA-256 against hashlib's: every length around the block borders, then lengths at random."""

import hashlib
import random

import pytest

from agw._fastpath import sha256

IMPLEMENTATIONS = sha256.implementations()


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_every_short_length_equals_hashlib(implementation: str) -> None:
    stream = random.Random(1)
    for length in range(301):
        data = stream.randbytes(length)
        assert sha256.digest(data, implementation) == hashlib.sha256(data).digest(), length


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_random_lengths_equal_hashlib(implementation: str) -> None:
    stream = random.Random(2)
    for _ in range(200):
        data = stream.randbytes(stream.randrange(20_000))
        assert sha256.digest(data, implementation) == hashlib.sha256(data).digest(), len(data)


def test_published_vector() -> None:
    """FIPS 180-4's own example."""
    assert sha256.digest(b"abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_unaligned_input() -> None:
    data = bytes(range(256))
    for offset in range(17):
        assert sha256.digest(memoryview(data)[offset:]) == hashlib.sha256(data[offset:]).digest()


def test_unknown_implementation_is_refused() -> None:
    with pytest.raises(ValueError, match="no such implementation"):
        sha256.digest(b"", "imaginary")  # type: ignore[arg-type]
