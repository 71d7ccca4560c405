"""Our head parser and chunk decoder beside llhttp (httptools) and h11: what we accept, they read the same way.

The two are lenient in places where agw is strict on purpose (bare LF, obs-fold, white space before a colon,
Transfer-Encoding beside Content-Length and so on), so the claims are one-sided: a message that we accept must be
accepted by both with the same meaning, and a message that both refuse must not be accepted by us.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import pairwise

import h11
import httptools
from hypothesis import given, settings
from hypothesis import strategies as st

from agw._fastpath.http1_body import decode_chunked
from agw._fastpath.http1_head import parse_request

EXAMPLES = settings(max_examples=200 * int(os.environ.get("AGW_EXAMPLES", "1")), deadline=None)
CHUNKED = 2  # Framing of message.pxd


@dataclass(frozen=True)
class Reading:
    """What a parser took from one request."""

    method: bytes
    target: bytes
    fields: tuple[tuple[bytes, bytes], ...]
    body: bytes


def ours(data: bytes) -> Reading | None:
    """None: refused, or not complete."""
    head = parse_request([data])
    if not isinstance(head, dict):
        return None
    rest = data[head["used"] :]
    if head["framing"] == CHUNKED:
        decoded = decode_chunked([rest])
        if not isinstance(decoded, tuple):
            return None
        body = decoded[0]
    else:
        body = rest[: head["content_length"]]
        if len(body) < head["content_length"]:
            return None
    target = head["path"] + (b"" if head["query"] is None else b"?" + head["query"])
    fields = tuple((name.lower(), value) for name, value, _ in head["fields"])
    return Reading(head["method"], target, fields, body)


class _Events:
    def __init__(self) -> None:
        self.target, self.body = b"", b""
        self.fields: list[tuple[bytes, bytes]] = []
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.complete:
            self.fields.append((name.lower(), value.strip(b" \t")))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True


def llhttp(data: bytes) -> Reading | None:
    """The reading of httptools."""
    events = _Events()
    parser = httptools.HttpRequestParser(events)
    try:
        parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError:
        return None
    if not events.complete:
        return None
    return Reading(parser.get_method(), events.target, tuple(events.fields), events.body)


def python_h11(data: bytes) -> Reading | None:
    """The reading of h11."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    connection.receive_data(data)
    request, body = None, b""
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                break
            else:
                return None
    except h11.RemoteProtocolError:
        return None
    assert request is not None
    return Reading(bytes(request.method), bytes(request.target), tuple(map(tuple, request.headers)), body)


token = st.text("abcdefghijklmnopqrstuvwxyzABCDEFXYZ0123456789!#$&'*+-.^`|~", min_size=1, max_size=12).map(str.encode)
value = st.text('abcXYZ019 ,;="()/:<>?@[]{}\t%', max_size=20).map(lambda text: text.strip(" \t").encode())
segment = st.text("abcxyz019-_~:@!$&'()*+,;=", min_size=1, max_size=8).map(str.encode)
KNOWN = {b"host", b"content-length", b"transfer-encoding", b"connection", b"expect", b"upgrade", b"te", b"trailer"}
field = st.tuples(token.filter(lambda name: name.lower() not in KNOWN), value)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A well-formed request."""
    method = draw(st.sampled_from([b"GET", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH"]))
    target = b"/" + b"/".join(draw(st.lists(segment.filter(lambda text: text not in {b".", b".."}), max_size=4)))
    if draw(st.booleans()):
        target += b"?" + draw(segment)
    lines = [
        b"%s %s HTTP/1.1" % (method, target),
        b"Host: " + draw(st.sampled_from([b"a", b"a.example:80", b"[::1]:8"])),
    ]
    lines += [
        name + b":" + draw(st.sampled_from([b"", b" ", b"\t "])) + text
        for name, text in draw(st.lists(field, max_size=6))
    ]
    body = draw(st.binary(max_size=40))
    shape = draw(st.sampled_from(["none", "length", "chunked"]))
    if shape == "length":
        lines.append(b"Content-Length: %d" % len(body))
    elif shape == "chunked":
        lines.append(b"Transfer-Encoding: chunked")
        at = draw(st.integers(0, len(body)))
        parts = [part for part in (body[:at], body[at:]) if part]
        body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    else:
        body = b""
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


INSERTED = [
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b"\t",
    b":",
    b"\x7f",
    b"\x80",
    b"\r\n",
    b"\r\n ",
    b",",
    b";",
    b"0",
    b"-",
    b"_",
    b"Content-Length: 1\r\n",
    b"Transfer-Encoding: chunked\r\n",
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A request with a few bytes replaced, removed or put in."""
    data = draw(requests())
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(st.sampled_from([b"", *INSERTED])) + data[at + draw(st.integers(0, 2)) :]
    return data


@EXAMPLES
@given(requests())
def test_well_formed_requests_read_the_same_everywhere(data):
    reading = ours(data)
    assert reading is not None
    assert reading == llhttp(data)
    assert reading == python_h11(data)


@EXAMPLES
@given(mutated())
def test_what_we_accept_is_read_the_same_by_a_strict_reader(data):
    reading = ours(data)
    if reading is None:
        return
    others = [other for other in (llhttp(data), python_h11(data)) if other is not None]
    assert others, "both others refuse what we accept"
    for other in others:
        assert (reading.method, reading.body) == (other.method, other.body)
        assert set(other.fields) <= {(name, text) for name, text in reading.fields}


@EXAMPLES
@given(st.one_of(requests(), mutated()), st.lists(st.integers(0, 400), max_size=6))
def test_how_the_bytes_are_cut_changes_nothing(data, cuts):
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    pieces = [data[start:end] for start, end in pairwise(places)]
    assert parse_request(pieces) == parse_request([data])
    single = [data[at : at + 1] for at in range(len(data))]
    assert parse_request(single) == parse_request([data])


@EXAMPLES
@given(st.binary(max_size=30), st.lists(st.integers(0, 60), max_size=4), st.binary(max_size=5))
def test_chunked_bodies_decode_the_same_however_cut(body, cuts, rest):
    coded = (b"%x;e=1\r\n%s\r\n" % (len(body), body) if body else b"") + b"0\r\nT: v\r\n\r\n" + rest
    places = sorted({min(cut, len(coded)) for cut in cuts} | {0, len(coded)})
    pieces = [coded[start:end] for start, end in pairwise(places)]
    assert decode_chunked(pieces) == (body, rest)
    assert decode_chunked([coded[at : at + 1] for at in range(len(coded))]) == (body, rest)
