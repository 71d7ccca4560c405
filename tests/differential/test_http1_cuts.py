"""How bytes are cut into reads changes nothing: what is parsed is a function of the bytes alone."""

from __future__ import annotations

import os
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from agw._fastpath.http1_body import decode_chunked
from agw._fastpath.http1_head import parse_request

EXAMPLES = settings(max_examples=200 * int(os.environ.get("AGW_EXAMPLES", "1")), deadline=None)

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
