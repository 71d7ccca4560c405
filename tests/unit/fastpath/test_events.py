"""Event streams beside a whole reading of them by their standard: the same events and boundaries, in every split."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agw._fastpath.events import split_events
from tests.oracles.answers import STREAMS
from tests.oracles.envelopes import cuts
from tests.oracles.event_stream import events


@pytest.mark.parametrize(
    ("stream", "found"),
    [
        (b"", []),
        (b"data: a\n\n", [b"a"]),
        (b"data:a\r\n\r\ndata: b\r\rdata:  c\n\n", [b"a", b"b", b" c"]),
        (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
        (b"\xef\xbbdata: a\n\ndata: b\n\n", [b"b"]),
        (b"\n\n\xef\xbb\xbfdata: a\n\n", []),
        (b": ping\n\ndata: a\n: more\ndata: b\n\n: ping\n\n", [b"a\nb"]),
        (b"data\n\ndata\ndata\n\ndata:", [b"", b"\n"]),
        (b"event: x\nid: 1\nretry: 7\n\n", []),
        (b"event: error\ndata: {}\n\n", [b"{}"]),
        (b"Data: a\n\n data: a\n\ndata : a\n\ndatas: a\n\ndat: a\n\n", []),
        (b"data: a\n", []),
        (b"data: a:b\xff\x00\n\n", [b"a:b\xff\x00"]),
    ],
)
def test_the_events_of_a_stream(stream, found):
    assert split_events([stream])[0] == found == events(stream)[0]


@pytest.mark.parametrize(
    ("stream", "boundary"),
    [
        (b"", True),
        (b"\xef\xbb\xbf", True),
        (b"\xef\xbb", False),
        (b"\n", True),
        (b": ping\n", True),
        (b": ping", False),
        (b"data: a\n", False),
        (b"data: a\n\n", True),
        (b"data: a\r\n\r", True),
        (b"data: a\n: ping\n", False),
        (b"id: 7\n", False),
        (b"id: 7\n\n", True),
        (b"d", False),
    ],
)
def test_where_a_comment_may_stand(stream, boundary):
    assert split_events([stream])[1] is boundary is events(stream)[1]
    assert split_events([stream[at : at + 1] for at in range(len(stream))])[1] is boundary


@settings(max_examples=1000, deadline=None)
@given(STREAMS, st.integers(0, 1000))
def test_every_stream_as_its_standard_reads_it(stream, seed):
    want = events(stream)
    assert split_events([stream]) == want
    assert split_events(cuts(stream, seed)) == want
    assert split_events([stream[at : at + 1] for at in range(len(stream))]) == want


@settings(max_examples=300, deadline=None)
@given(STREAMS, st.integers(0, 10_000))
def test_a_comment_where_it_may_stand_changes_no_event(stream, at):
    at %= len(stream) + 1
    before, after = stream[:at], stream[at:]
    if split_events([before])[1] and before:
        assert events(before + b": keep-alive\n\n" + after)[0] == events(stream)[0]
