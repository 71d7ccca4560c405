"""Heads, row by row (the letters are the sections of the wire's rules): each whole, byte by byte and at every split."""

import pytest

from agw._fastpath.fields import normalised_path, parsed_authority
from agw._fastpath.http1_body import decode_chunked
from agw._fastpath.http1_head import parse_request, parse_response

HOST = b"Host: a\r\n"
MALFORMED, TRAILERS = 4, 5  # ChunkResult of http1_body.pxd


def fed(parse, data):
    """What the parser makes of the data, the same however it comes."""
    result = parse([data])
    assert parse([data[at : at + 1] for at in range(len(data))]) == result
    for at in range(1, len(data)):
        assert parse([data[:at], data[at:]]) == result
    return result


def get(*lines, target=b"/", method=b"GET", version=b"HTTP/1.1"):
    return (
        method
        + b" "
        + target
        + b" "
        + version
        + b"\r\n"
        + b"".join(line + b"\r\n" for line in (b"Host: a", *lines))
        + b"\r\n"
    )


REFUSED = {
    "A1 bare LF before it": (b"\nGET / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "A1 five empty lines": (b"\r\n" * 5 + get(), 400),
    "A2 bare LF at its end": (b"GET / HTTP/1.1\n" + HOST + b"\r\n", 400),
    "A3 bare CR": (b"GET /\r HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "A4 two spaces": (b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "A4 tab": (b"GET\t/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "A4 trailing space": (b"GET / HTTP/1.1 \r\n" + HOST + b"\r\n", 400),
    "A5 HTTP/0.9": (b"GET /\r\n", 400),
    "A6 no target": (b"GET HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "A7 method is no token": (get(method=b"G(T"), 400),
    "A10 NUL in target": (get(target=b"/\0"), 400),
    "A11 non-ASCII target": (get(target=b"/\xe9"), 400),
    "A12 excluded characters": (get(target=b"/<a>"), 400),
    "A12 fragment": (get(target=b"/#a"), 400),
    "A13 no form of target": (get(target=b"a/b"), 400),
    "A15 absolute form, other host": (get(target=b"http://b/"), 400),
    "A16 odd scheme": (get(target=b"ftp://a/"), 400),
    "A17 userinfo": (get(target=b"http://u@a/"), 400),
    "A18 empty authority": (get(target=b"http:///"), 400),
    "A19 authority form": (get(target=b"a:80"), 400),
    "A20 CONNECT": (get(target=b"a:80", method=b"CONNECT"), 405),
    "A21 asterisk with GET": (get(target=b"*"), 400),
    "A22 long target": (get(target=b"/" + b"a" * 17000), 414),
    "A24 other major version": (get(version=b"HTTP/2.0"), 505),
    "A25 malformed version": (get(version=b"http/1.1"), 400),
    "A25 two digits": (get(version=b"HTTP/1.10"), 400),
    "A27 TLS": (b"\x16\x03\x01\x02\x00\x01", 400),
    "B28 missing": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "B29 repeated": (get(b"Host: a"), 400),
    "B30 empty": (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
    "B31 path": (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    "B32 list": (b"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", 400),
    "B33 bytes": (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    "B34 port": (b"GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", 400),
    "B35 unbalanced": (b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400),
    "C37 obs-fold": (get(b"A: b", b" c"), 400),
    "C38 white space first": (b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    "C39 before the colon": (get(b"A : b"), 400),
    "C40 no colon": (get(b"A"), 400),
    "C40 no name": (get(b": b"), 400),
    "C41 name is no token": (get(b"A(: b"), 400),
    "C43 NUL": (get(b"A: \0"), 400),
    "C44 bare CR": (get(b"A: b\rc"), 400),
    "C45 bare LF": (b"GET / HTTP/1.1\r\n" + HOST + b"A: b\n\r\n", 400),
    "C46 head ends in LF": (b"GET / HTTP/1.1\r\n" + HOST + b"\n", 400),
    "C47 control byte": (get(b"A: \x01"), 400),
    "C50 two Authorizations": (get(b"Authorization: a", b"Authorization: a"), 401),
    "C50 two keys": (get(b"X-API-Key: a", b"X-API-Key: a"), 401),
    "C50 two types": (get(b"Content-Type: a", b"Content-Type: a"), 400),
    "C51 long line": (get(b"A: " + b"b" * 17000), 431),
    "C52 too many": (get(*[b"A: b"] * 100), 431),
    "D57 identical": (get(b"Content-Length: 1", b"Content-Length: 1"), 400),
    "D59 list": (get(b"Content-Length: 1,1"), 400),
    "D60 sign": (get(b"Content-Length: +1"), 400),
    "D60 hexadecimal": (get(b"Content-Length: 0x1"), 400),
    "D60 empty": (get(b"Content-Length:"), 400),
    "D61 leading zero": (get(b"Content-Length: 01"), 400),
    "D62 overflow": (get(b"Content-Length: 99999999999999999999"), 400),
    "E70 beside a length": (get(b"Content-Length: 1", b"Transfer-Encoding: chunked"), 400),
    "E72 unknown": (get(b"Transfer-Encoding: gzip"), 501),
    "E72 unknown first": (get(b"Transfer-Encoding: gzip, chunked"), 501),
    "E72 not last": (get(b"Transfer-Encoding: chunked, gzip"), 400),
    "E73 twice": (get(b"Transfer-Encoding: chunked, chunked"), 400),
    "E73 two fields": (get(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"), 400),
    "E74 parameters": (get(b"Transfer-Encoding: chunked;q=1"), 400),
    "E75 empty member": (get(b"Transfer-Encoding: ,chunked"), 400),
    "E76 odd bytes": (get(b"Transfer-Encoding: chunked\x80"), 400),
    "E78 in HTTP/1.0": (get(b"Transfer-Encoding: chunked", version=b"HTTP/1.0"), 400),
    "E79 nominated": (get(b"Transfer-Encoding: chunked", b"Connection: transfer-encoding"), 400),
    "G98 no token": (get(b"Connection: a b"), 400),
    "G98 too many": (get(b"Connection: " + b"a," * 100), 400),
    "G100 unknown expectation": (get(b"Expect: tea"), 417),
    "G103 TRACE": (get(method=b"TRACE"), 405),
    "H107 above the root": (get(target=b"/../a"), 400),
    "H108 encoded, above the root": (get(target=b"/%2e%2E/a"), 400),
    "H109 encoded slash": (get(target=b"/a%2Fb"), 400),
    "H109 encoded backslash": (get(target=b"/a%5cb"), 400),
    "H112 bad escape": (get(target=b"/%zz"), 400),
    "H112 cut escape": (get(target=b"/%2"), 400),
    "H112 NUL": (get(target=b"/%00"), 400),
}


@pytest.mark.parametrize(("data", "status"), REFUSED.values(), ids=REFUSED)
def test_refused(data, status):
    # A long line at every one of its 17,000 splits says nothing that these do not.
    if len(data) > 2000:
        assert (
            parse_request([data]) == parse_request([data[at : at + 777] for at in range(0, len(data), 777)]) == status
        )
    else:
        assert fed(parse_request, data) == status


ACCEPTED = {
    "A1 empty lines": (b"\r\n\r\n" + get(), {"path": b"/"}),
    "A8 unknown method": (get(method=b"get"), {"method": b"get"}),
    "A14 absolute form": (get(target=b"http://a/b?c"), {"path": b"/b", "query": b"c", "authority": b"a"}),
    "A14 no path": (get(target=b"http://a"), {"path": b"/", "query": None}),
    "A21 asterisk": (get(target=b"*", method=b"OPTIONS"), {"path": b"*"}),
    "A22 8000 bytes": (get(target=b"/" + b"a" * 1800), {}),
    "A23 minor version": (get(version=b"HTTP/1.9"), {"minor": 1, "keep_alive": True}),
    "A26 HTTP/1.0": (get(version=b"HTTP/1.0"), {"minor": 0, "keep_alive": False}),
    "A26 without Host": (b"GET /a HTTP/1.0\r\n\r\n", {"host": b"", "authority": b"", "path": b"/a"}),
    "A21 asterisk in absolute form": (get(target=b"http://a", method=b"OPTIONS"), {"path": b"*", "host": b"a"}),
    "A26 kept": (get(b"Connection: Keep-Alive", version=b"HTTP/1.0"), {"keep_alive": True}),
    "B35 IPv6": (b"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", {"host": b"[::1]", "port": 80}),
    "B36 case and dot": (b"GET / HTTP/1.1\r\nHost: A.Com.:8\r\n\r\n", {"host": b"a.com", "authority": b"A.Com.:8"}),
    "C48 obs-text": (get(b"A: \xe9"), {}),
    "D63 tabs": (get(b"Content-Length:\t 5 \t"), {"content_length": 5, "framing": 1}),
    "D66 none": (get(method=b"POST"), {"framing": 0}),
    "E71 case": (get(b"Transfer-Encoding: CHUNKED"), {"framing": 2}),
    "G95 close": (get(b"Connection: x, close"), {"keep_alive": False}),
    "G99 continue": (get(b"Expect: 100-Continue"), {"expect_continue": True}),
    "H107 dots": (get(target=b"/a/./b/../c"), {"path": b"/a/c"}),
    "H108 unreserved": (get(target=b"/%61/%2E/b%3A"), {"path": b"/a/b%3A"}),
    "H110 slashes": (get(target=b"//a///b/"), {"path": b"/a/b/"}),
    "H111 parameters": (get(target=b"/..;/a"), {"path": b"/..;/a"}),
    "H112 CRLF": (get(target=b"/%0d%0a"), {"path": b"/%0d%0a"}),
    "raw path": (get(target=b"/t/1:send?%2f=%zz"), {"path": b"/t/1:send", "query": b"%2f=%zz"}),
}


@pytest.mark.parametrize(("data", "expected"), ACCEPTED.values(), ids=ACCEPTED)
def test_accepted(data, expected):
    head = fed(parse_request, data)
    assert isinstance(head, dict), head
    assert expected.items() <= head.items()
    assert head["used"] == len(data)


def test_fields_keep_their_case_and_lose_outer_white_space():
    head = parse_request(
        [
            get(
                b"X-Abc:  \tv w \t",
                b"Empty:",
                b"Under_Score: 1",
                b"Connection: x-abc, Authorization",
                b"Authorization: k",
            )
        ]
    )
    forwarded = [(name, value) for name, value, dropped in head["fields"] if not dropped]
    assert forwarded == [(b"Empty", b""), (b"Authorization", b"k")]


def test_what_follows_a_head_is_not_looked_at():
    data = get()
    assert parse_request([data + b"\0\0"])["used"] == len(data)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /a<b", 400),
        (b"GET / HTTP/1.1\r\nXY :", 400),
        (b"GET /<" + b"a" * 17_000 + b" HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nXY :" + b"a" * 17_000 + b"\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * 17_000, 431),
        (b"GET / HTTP/1.1\r\n" + b"a" * 17_000, 431),
        (b"g" * 17_000, 414),
        (b"GET / HTTP/1.1\r\n" + b"A: " + b"a" * 9_000 + b"\r\n" + b"B: \0", 400),
    ],
)
def test_an_unfinished_line_is_judged_the_same_however_it_is_cut(data, status):
    for step in (len(data), 1, 2, 3, 1000):
        assert parse_request([data[at : at + step] for at in range(0, len(data), step)]) == status


@pytest.mark.parametrize("head", [get()[:-2], get()[:5], b"\r\n", b""])
def test_an_incomplete_head_waits(head):
    assert parse_request([head]) is None


BAD_ANSWERS = [
    b"HTTP/1.1 20 OK\r\n\r\n",
    b"HTTP/1.1 2000 OK\r\n\r\n",
    b"HTTP/1.1 600 OK\r\n\r\n",
    b"HTTP/2.0 200 OK\r\n\r\n",
    b"http/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1  200 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\n\r\n",
    b"HTTP/1.1 200 OK\r\nA: \0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nA\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"\r\nHTTP/1.1 200 OK\r\n\r\n",
    b"hello, world\r\n\r\n",
]


@pytest.mark.parametrize("data", BAD_ANSWERS)
def test_answers_that_are_refused(data):
    assert fed(parse_response, data) == 502


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"HTTP/1.1 200 \r\n\r\n", {"status": 200, "reason": b"", "framing": 3, "keep_alive": False}),
        (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", {"framing": 1, "content_length": 0, "keep_alive": True}),
        (b"HTTP/1.1 204 No Content\r\n\r\n", {"framing": 0, "keep_alive": True}),
        (b"HTTP/1.1 304 X\r\nContent-Length: 9\r\n\r\n", {"framing": 0}),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", {"framing": 1, "keep_alive": False}),
        (b"HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=x\r\n\r\n", {"event_stream": True}),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/event-streams\r\n\r\n", {"event_stream": False}),
    ],
)
def test_answers_that_are_accepted(data, expected):
    assert expected.items() <= fed(parse_response, data).items()


@pytest.mark.parametrize(
    "coded",
    [
        b"g\r\n", b"\r\n", b"-1\r\n", b"0x1\r\n", b" 1\r\n", b"1 \r\na\r\n", b"1\na\r\n", b"1\r\na\n", b"1\r\nab\r\n",
        b"11111111111111111\r\n", b"ffffffffffffffff\r\n", b"1;" + b"a" * 300 + b"\r\n", b"1;\n\r\n", b"1;a\0\r\n",
        b"0\r\n A: b\r\n\r\n", b"0\r\nA\r\n\r\n", b"0\r\n: b\r\n\r\n", b"0\r\nA: \0\r\n\r\n", b"0\r\nA: b\n\r\n",
    ],
)  # fmt: skip
def test_chunked_bodies_that_are_refused(coded):
    assert fed(decode_chunked, coded) == MALFORMED


def test_limits_of_chunked_bodies():
    assert decode_chunked([b"0\r\nA: " + b"b" * 9000]) == TRAILERS
    assert decode_chunked([b"1;" + b"a" * 200 + b"\r\nx\r\n"] * 30) == MALFORMED
    assert fed(decode_chunked, b"0000000000000001\r\na\r\n0\r\n\r\nrest") == (b"a", b"rest")


@pytest.mark.parametrize("path", [b"/", b"/a/b", b"/a/../b/./c//d/..", b"/%41%7e/%2e/%3a", b"/a/.", b"/.../a"])
def test_a_normalised_path_is_normal(path):
    once = normalised_path(path)
    assert normalised_path(once) == once
    assert b"//" not in once
    assert not {b".", b".."} & set(once.split(b"/"))


def test_authorities():
    assert parsed_authority(b"A.b:80") == (b"a.b", 80)
    for bad in (b"", b":80", b"a:", b"a:b", b"a:70000", b".", b"a b", b"u@a", b"[1]", b"[::1]x", b"a/b", b"%41"):
        assert parsed_authority(bad) is None, bad
