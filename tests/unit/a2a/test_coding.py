"""Codings of cards: what is undone, and what is left alone."""

import gzip
import zlib

import pytest

from agw.a2a.coding import CODINGS, UNDONE, decoded

TEXT = b"card" * 100


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("", TEXT),
        ("identity", TEXT),
        ("gzip", gzip.compress(TEXT, mtime=0)),
        ("x-gzip", gzip.compress(TEXT, mtime=0)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", zlib.compress(TEXT, wbits=-15)),
    ],
)
def test_a_coding_is_undone(coding, body):
    assert coding in UNDONE <= CODINGS
    assert decoded(body, coding, len(TEXT)) == TEXT


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("br", TEXT),
        ("gzip", TEXT),
        ("gzip", b""),
        ("gzip", gzip.compress(TEXT, mtime=0)[:-1]),
        ("gzip", gzip.compress(TEXT, mtime=0) + b"x"),
        ("gzip", gzip.compress(TEXT, mtime=0) * 2),
        ("gzip", zlib.compress(TEXT)),
        ("deflate", gzip.compress(TEXT, mtime=0)),
        ("gzip", gzip.compress(TEXT + b"x", mtime=0)),
        ("gzip", gzip.compress(b"x" * (64 << 20), mtime=0)),
    ],
)
def test_what_cannot_be_undone_or_is_too_large_is_left_alone(coding, body):
    assert decoded(body, coding, len(TEXT)) is None
