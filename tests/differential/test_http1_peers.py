"""Where agw is stricter than llhttp and h11, where one of them is stricter than agw, and responses beside both.

test_http1_parsers.py asks for one peer that agrees. Here both must, but for the places that are named: a place that is not
named is a difference between two readers of one request, so the lists are part of the claim.
"""

from __future__ import annotations

import os
import re

import h11
import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agw._fastpath.http1_body import decode_chunked
from agw._fastpath.http1_head import parse_request, parse_response

EXAMPLES = settings(max_examples=300 * int(os.environ.get("AGW_EXAMPLES", "1")), deadline=None)
NONE, LENGTH, CHUNKED, UNTIL_CLOSE = range(4)  # message.pxd Framing

# What a reader saw: (method, or status), fields with folded names, body. None: refused or incomplete.
Reading = tuple[bytes | int, list[tuple[bytes, bytes]], bytes]


def _fields(pairs):
    """Fields as all three can be compared: h11 gives the coding in lower case."""
    folded = [(bytes(name).lower(), bytes(value).strip(b" \t")) for name, value in pairs]
    return [(name, value.lower() if name == b"transfer-encoding" else value) for name, value in folded]


def _ours(head, first, data):
    if not isinstance(head, dict):
        return None
    rest = data[head["used"] :]
    fields = _fields((name, value) for name, value, _ in head["fields"])
    if head["framing"] == CHUNKED:
        decoded = decode_chunked([rest])
        return (head[first], fields, decoded[0]) if isinstance(decoded, tuple) else None
    if head["framing"] == UNTIL_CLOSE:
        return head[first], fields, rest
    if len(rest) < max(head["content_length"], 0) and head["framing"] == LENGTH:
        return None
    return head[first], fields, rest[: head["content_length"]] if head["framing"] == LENGTH else b""


def ours_request(data):
    return _ours(parse_request([data]), "method", data)


def ours_response(data):
    return _ours(parse_response([data]), "status", data)


class _Events:
    """The first message that llhttp reports; trailers come behind the head and are no fields of it."""

    def __init__(self):
        self.fields, self.body, self.head, self.done = [], b"", False, False

    def on_header(self, name, value):
        if not self.head:
            self.fields.append((name, value))

    def on_headers_complete(self):
        self.head = True

    def on_body(self, body):
        if not self.done:
            self.body += body

    def on_message_complete(self):
        self.done = True


def _llhttp(kind, first, data):
    events = _Events()
    parser = kind(events)
    try:
        parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        pass  # the message is whole; what follows is the other protocol's
    except httptools.HttpParserError:
        return None
    # A body until close has no end that bytes could tell.
    if not events.done and not (events.head and kind is httptools.HttpResponseParser):
        return None
    return getattr(parser, first)(), _fields(events.fields), events.body


def llhttp_request(data):
    return _llhttp(httptools.HttpRequestParser, "get_method", data)


def llhttp_response(data):
    return _llhttp(httptools.HttpResponseParser, "get_status_code", data)


def _h11(connection, data):
    head, body = None, b""
    try:
        connection.receive_data(data)
        if connection.our_role is h11.CLIENT:
            connection.receive_data(b"")
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Request | h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            else:
                return None
    except h11.RemoteProtocolError:
        return None
    first = head.method if isinstance(head, h11.Request) else head.status_code
    return first, _fields(head.headers), body


def h11_request(data):
    return _h11(h11.Connection(h11.SERVER), data)


def h11_response(data):
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    return _h11(connection, data)


REQUESTS, RESPONSES = (ours_request, llhttp_request, h11_request), (ours_response, llhttp_response, h11_response)


def head(*lines, first=b"POST / HTTP/1.1", host=b"Host: a\r\n"):
    return first + b"\r\n" + host + b"".join(each + b"\r\n" for each in lines) + b"\r\n"


CODED = b"Transfer-Encoding: chunked"
# Message: (agw, llhttp, h11) accept it.
DIFFERENCES = {
    # agw is stricter: each was a way to smuggle somewhere, or has two routes or meanings
    "a target with a fragment": (head(first=b"GET /#a HTTP/1.1"), (False, True, True)),
    "a target with excluded bytes": (head(first=b"GET /<a> HTTP/1.1"), (False, True, True)),
    "a path above the root": (head(first=b"GET /../a HTTP/1.1"), (False, True, True)),
    "an encoded slash": (head(first=b"GET /a%2fb HTTP/1.1"), (False, True, True)),
    "absolute form of another host": (head(first=b"GET http://b/ HTTP/1.1"), (False, True, True)),
    "a Host list": (head(host=b"Host: a, b\r\n"), (False, True, True)),
    "a Host with userinfo": (head(host=b"Host: u@a\r\n"), (False, True, True)),
    "a length with a leading zero": (head(b"Content-Length: 00"), (False, True, True)),
    "Content-Type twice": (head(b"Content-Type: a", b"Content-Type: a"), (False, True, True)),
    "Authorization twice": (head(b"Authorization: a", b"Authorization: a"), (False, True, True)),
    "an unknown expectation": (head(b"Expect: tea"), (False, True, True)),
    "Connection that is no token list": (head(b"Connection: a b"), (False, True, True)),
    "CONNECT": (head(first=b"CONNECT a:80 HTTP/1.1"), (False, True, True)),
    # agw and one of them
    "equal lengths twice": (head(b"Content-Length: 0", b"Content-Length: 0"), (False, False, True)),
    "a coding beside a length": (head(CODED, b"Content-Length: 1") + b"0\r\n\r\n", (False, False, True)),
    "obs-fold": (head(b"X: y", b" z"), (False, False, True)),
    "bare LF": (head().replace(b"\r\n", b"\n"), (False, False, True)),
    # one of them is stricter: agw follows the RFC named
    "an unknown method (RFC 9110 9.1)": (head(first=b"FROB / HTTP/1.1"), (True, False, True)),
    "a higher minor version (RFC 9110 2.5)": (head(first=b"GET / HTTP/1.2"), (True, False, True)),
    "an empty line before (RFC 9112 2.2)": (b"\r\n" + head(), (True, True, False)),
    # both are: white space before an extension is BWS, which a recipient must parse (RFC 9112 7.1.1)
    "white space before an extension": (head(CODED) + b"1 ;a\r\nx\r\n0\r\n\r\n", (True, False, False)),
}


@pytest.mark.parametrize(("data", "accept"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_where_the_readers_differ(data, accept):
    assert tuple(read(data) is not None for read in REQUESTS) == accept


names = st.sampled_from([b"X-A", b"x-b", b"Accept", b"!#$%&'*+-.^`|~9"])
values = st.sampled_from([b"", b"y", b"a, b", b'"q;="', b"\xc3\xa9", b"a\tb  c", b"(x) <y> {z} \\ @:/?[]"])
others = st.lists(
    st.tuples(names, st.sampled_from([b"", b" ", b"\t "]), values, st.sampled_from([b"", b" \t"])), max_size=5
)


def _chunks(body, at, extension, trailer):
    parts = [part for part in (body[:at], body[at:]) if part]
    coded = b"".join(b"%X%s\r\n%s\r\n" % (len(part), extension, part) for part in parts)
    return coded + b"0\r\n" + trailer + b"\r\n"


@st.composite
def messages(draw, firsts, shapes):
    """A well-formed message that begins with one of these lines."""
    lines = [b"".join((name, b":", *rest)) for name, *rest in draw(others)]
    body = draw(st.binary(max_size=40))
    shape = draw(st.sampled_from(shapes))
    if shape == "length":
        lines.insert(draw(st.integers(0, len(lines))), b"content-length:%d " % len(body))
    elif shape == "chunked":
        lines.insert(draw(st.integers(0, len(lines))), b"TRANSFER-ENCODING: Chunked")
        extension = draw(st.sampled_from([b"", b";a", b";a=b", b';a="b c";d']))
        body = _chunks(body, draw(st.integers(0, len(body))), extension, draw(st.sampled_from([b"", b"X-T: y\r\n"])))
    elif shape == "none":
        body = b""
    first = draw(st.sampled_from(firsts))
    return b"".join(each + b"\r\n" for each in (first, *lines)) + b"\r\n" + body


METHODS = (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH")
TARGETS = (b"/", b"/a/b?c=d", b"/v1/message:send", b"/%3A~;p=1/...?", b"http://a/b", b"http://a")
request_lines = [b"%s %s HTTP/1.1\r\nHost: a" % (method, target) for method in METHODS for target in TARGETS]
requests = messages([*request_lines, b"OPTIONS * HTTP/1.1\r\nHost: a"], ["none", "length", "chunked"])
STATUSES = (
    b"200 OK",
    b"201 ",
    b"301 Moved \xe9",
    b"404 Not Found",
    b"418 a\tb",
    b"500 Internal Server Error",
    b"599 x",
)
responses = messages([b"HTTP/1.1 " + status for status in STATUSES], ["close", "length", "chunked"])


@EXAMPLES
@given(requests)
def test_well_formed_requests_read_the_same(data):
    ours, *peers = (read(data) for read in REQUESTS)
    assert ours is not None
    assert peers == [ours, ours]


@EXAMPLES
@given(responses)
def test_well_formed_responses_read_the_same(data):
    ours, *peers = (read(data) for read in RESPONSES)
    assert ours is not None
    assert peers == [ours, ours]


INSERTED = [b"", *(b"%c" % c for c in b"\n\r\0 \t:;,0-_\x0b\x7f\x80\xff"), b"\r\n", b"\r\n ", b"\r\n\r\n"]
FRAMINGS = [
    b"Content-Length: 1\r\n",
    b"Content-Length: 0\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
]


@st.composite
def mutated(draw, whole):
    """A message with a few bytes replaced, removed or put in; framings are put in where lines begin."""
    data = draw(whole)
    for _ in range(draw(st.integers(1, 3))):
        if draw(st.booleans()):
            at, cut = draw(st.integers(0, len(data))), draw(st.integers(0, 2))
            data = data[:at] + draw(st.sampled_from(INSERTED)) + data[at + cut :]
        else:
            first, end, rest = data.partition(b"\r\n")
            data = first + end + draw(st.sampled_from(FRAMINGS)) + rest
    return data


SPACED = re.compile(rb"(?:^|\r\n)[0-9A-Fa-f]+[ \t]+;")


def named(data):
    """Whether a chunk line has white space before its extension: the one thing that agw takes and both others do not."""
    return SPACED.search(data) is not None


@EXAMPLES
@given(mutated(requests))
def test_no_mutated_request_is_accepted_that_both_refuse(data):
    ours = ours_request(data)
    # h11 takes no empty line before a request and llhttp no unknown method: both at once must not look like a fault.
    data = data.lstrip(b"\r\n") if ours is not None else data
    peers = [read(data) for read in (llhttp_request, h11_request)]
    if ours is not None and not named(data):
        assert peers != [None, None]
    for peer in peers:
        assert ours is None or peer is None or peer == ours


@EXAMPLES
@given(mutated(responses))
def test_no_mutated_response_is_accepted_that_both_refuse(data):
    ours, *peers = (read(data) for read in RESPONSES)
    if ours is not None and not named(data):
        assert peers != [None, None]
    for peer in peers:
        assert ours is None or peer is None or peer == ours
