"""Rows 113 to 125, 127, 128, 132 and 133: what an agent answers, and what of it a client may see (RFC 9112 4, 6, 7; RFC 9110 15)."""

from __future__ import annotations

from typing import Any

from tests.wire.table.model import Row, named
from tests.wire.table.upstream import HEAD, NONCE, OLD, OLD_KEPT, WANTS, After, Answer

OK = b"HTTP/1.1 200 OK\r\n"
EVIL = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"


def answer(*lines: bytes, status: bytes = b"200 OK", body: bytes = b"", version: bytes = b"HTTP/1.1") -> bytes:
    """An answer with these field lines, whatever they say of the body."""
    return b"\r\n".join([version + b" " + status, *lines, b"", body])


def length(body: bytes, *lines: bytes, **parts: bytes) -> bytes:
    """An answer with a Content-Length."""
    return answer(b"Content-Length: %d" % len(body), *lines, body=body, **parts)


def chunked(coded: bytes, *lines: bytes, **parts: bytes) -> bytes:
    """An answer in chunks, which are given as they are sent."""
    return answer(b"Transfer-Encoding: chunked", *lines, body=coded, **parts)


def bad(data: bytes, name: str = "", **rest: Any) -> Answer:
    """Answered with 502; the agent's connection is closed, the client's is not."""
    return Answer(name or named(data), data, 502, body=None, **rest)


def good(data: bytes, body: bytes = b"", name: str = "", *, kept: bool = True, **rest: Any) -> Answer:
    """Passed on whole."""
    return Answer(name or named(data), data, body=body, kept=kept, **rest)


def cut(data: bytes, after: After = After.STAYS, name: str = "", **rest: Any) -> Answer:
    """Begun, and never ended cleanly."""
    return Answer(name or f"{named(data)} {after.value}", data, cut=True, after=after, **rest)


STATUS_LINE = Row(
    113,
    "invalid status line",
    tuple(
        bad(first + b"\r\nContent-Length: 4\r\n\r\nevil")
        for first in (
            b"HTTP/1.1", b"HTTP/1.1 ", b"HTTP/1.1 2", b"HTTP/1.1 20", b"HTTP/1.1 20 OK", b"HTTP/1.1 2000 OK",
            b"HTTP/1.1 20a OK", b"HTTP/1.1 +20 OK", b"HTTP/1.1 -20 OK", b"HTTP/1.1 0x1 OK", b"HTTP/1.1 099 OK",
            b"HTTP/1.1 000 OK", b"HTTP/1.1 600 OK", b"HTTP/1.1 999 OK", b"HTTP/1.1  200 OK", b"HTTP/1.1\t200 OK",
            b"HTTP/1.1 200OK", b"HTTP/1.1 200\tOK", b"HTTP/1.1 2 0 0", b"HTTP/1.1 \xb2\xb0\xb0 OK", b"HTTP/1.1 OK 200",
            b"HTTP/2.0 200 OK", b"HTTP/2 200 OK", b"HTTP/0.9 200 OK", b"HTTP/3.0 200 OK", b"HTTP/1.10 200 OK",
            b"HTTP/11 200 OK", b"HTTP/1. 200 OK", b"HTTP/.1 200 OK", b"HTTP/1,1 200 OK", b"HTTP/1.1.1 200 OK",
            b"HTTP/1.x 200 OK", b"http/1.1 200 OK", b"Http/1.1 200 OK", b"HTTPS/1.1 200 OK", b"HTTP1.1 200 OK",
            b"HTTP /1.1 200 OK", b"HTTP/ 1.1 200 OK", b" HTTP/1.1 200 OK", b"\tHTTP/1.1 200 OK", b"\0HTTP/1.1 200 OK",
            b"\xef\xbb\xbfHTTP/1.1 200 OK", b"ICY 200 OK", b"SIP/2.0 200 OK", b"RTSP/1.0 200 OK", b"200 OK",
            b"GET / HTTP/1.1", b"OK", b"", b"\r\nHTTP/1.1 200 OK", b"\r\n\r\nHTTP/1.1 200 OK", b"\nHTTP/1.1 200 OK",
            b"HTTP/1.1 200 OK\n", b"HTTP/1.1 200 OK\r", b"HTTP/1.1 200 O\rK", b"HTTP/1.1 200 O\nK", b"HTTP/1.1\r 200 OK",
            b"HTTP/1.1 200\r OK", b"HTTP/1.1 200 O\0K", b"HTTP/1.1 200 O\x7fK", b"HTTP/1.1 200 O\x0bK",
            b"HTTP/1.1 200 O\x1bK", b"HTTP/1.1\xa0200 OK", b"HTTP/1.1\xc2\xa0200 OK",
        )
    )
    + tuple(
        bad(data)
        for data in (
            b"<html><body>It works!</body></html>\n",
            b"\x15\x03\x03\x00\x02\x02\x28" * 2,
            b"SSH-2.0-OpenSSH_9.6\r\n",
            b"220 smtp.example ESMTP\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\0\0\x12\x04\0\0\0\0\0" + b"\0\x03\0\0\0\x80",
            b"\0" * 64,
            b"HTTP/1.1 200 OK\n\n",
            b"HTTP/1.1 200 OK\nContent-Length: 4\n\nevil",
        )
    )
    + tuple(
        bad(data, f"{data!r}, then the end", after=after)
        for data in (b"H", b"HTTP/1.1", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r", b"HTTP/1.1 200 OK\r\nX: y", b"hello")
        for after in (After.FIN, After.RST)
    ),
)  # fmt: skip

LENIENT = Row(
    114,
    "what a status line may lack",
    (
        *(
            good(length(b"hello", status=status), b"hello")
            for status in (
                b"200 ", b"200", b"200  ", b"200 OK OK", b"200 \xc3\xa9", b"200 \xff", b"200 a\tb", b"200 !\"#$%&'()*+,-./:;",
                b"200 " + b"x" * 1000, b"200 HTTP/1.1 500 No",
            )
        ),
        *(good(length(b"hello", version=b"HTTP/1." + minor), b"hello") for minor in (b"2", b"9")),
        good(length(b"hello", version=b"HTTP/1.0"), b"hello", kept=False),
        good(length(b"hello", b"Connection: keep-alive", version=b"HTTP/1.0"), b"hello"),
        good(length(b"hello", b"Connection: close"), b"hello", kept=False),
        *(
            Answer(f"status {status}", length(b"hello", status=b"%d x" % status), status, b"hello", kept=True)
            for status in (201, 202, 206, 226, 299, 300, 301, 305, 399, 400, 401, 404, 407, 418, 426, 451, 499)
        ),
        *(
            Answer(f"status {status}", length(b"hello", status=b"%d x" % status), status, b"hello", kept=True)
            for status in (500, 501, 502, 503, 511, 599)
        ),
    ),
)  # fmt: skip

FIELD_BYTES = Row(
    115,
    "bytes that no field of an answer may hold",
    tuple(
        bad(OK + lines + b"Content-Length: 4\r\n\r\nevil")
        for lines in (
            *(b"X: a" + bytes([c]) + b"b\r\n" for c in (*range(9), 11, 12, *range(14, 32), 127)),
            b"X: a\rb\r\n", b"X: a\nb\r\n", b"X: a\n\r\n", b"X: a\r\r\n", b"X\r\n", b"X \r\n", b": a\r\n", b":\r\n", b" X: a\r\n",
            b"\tX: a\r\n", b"X : a\r\n", b"X\t: a\r\n", b"X Y: a\r\n", b"X(: a\r\n", b'"X": a\r\n', b"X\xe9: a\r\n",
            b"X\0: a\r\n", b"X\r: a\r\n", b"X: a\r\n b\r\n", b"X: a\r\n\tb\r\n", b"X: a\r\n \r\n", b"X: a\r\n\r\r\n",
            b"X;y: a\r\n", b"X=y: a\r\n", b"{X}: a\r\n", b"X/: a\r\n", b"X@: a\r\n", b"X[0]: a\r\n", b"X,: a\r\n",
            b"Set-Cookie: a\nSet-Cookie: evil\r\n", b"Location: /\rSet-Cookie: evil\r\n", b"Transfer-Encoding : chunked\r\n",
            b"Content-Length\0: 1\r\n", b"X: a\r\n\n",
        )
    ),
)  # fmt: skip

TOO_LARGE = Row(
    116,
    "an answer's head that is too large, or has no end",
    (
        *(
            bad(data)
            for data in (
                answer(b"X: " + b"a" * 17_000),
                answer(b"a" * 17_000 + b": x"),
                answer(status=b"200 " + b"a" * 17_000),
                answer(*[b"X: y"] * 101),
                answer(*[b"X: " + b"a" * 9_000] * 8),
                answer(*[b"X: " + b"a" * 700] * 95),
                b"a" * 70_000,
                OK + b"a" * 70_000,
                OK + b"X: " + b"a" * 70_000,
                OK + b"X: y\r\n" * 20_000,
            )
        ),
        good(length(b"hello", *[b"X: y"] * 99), b"hello", "as many as may be"),
        good(length(b"hello", b"X: " + b"a" * 16_000), b"hello", "a line as long as may be"),
        good(length(b"hello", *[b"X: " + b"a" * 600] * 90), b"hello", "a head as large as may be"),
    ),
)

CONTENT_LENGTH = Row(
    117,
    "Content-Length of an answer that is invalid or not one",
    (
        *(bad(answer(*lines, body=b"evil"))
        for lines in (
            (b"Content-Length: 1", b"Content-Length: 2"), (b"Content-Length: 4", b"Content-Length: 4"),
            (b"Content-Length: 4", b"content-length: 4"), (b"Content-Length: 4,4",), (b"Content-Length: 4, 5",),
            (b"Content-Length: 4,",), (b"Content-Length: ,4",), (b"Content-Length:",), (b"Content-Length:  ",),
            (b"Content-Length: +4",), (b"Content-Length: -4",), (b"Content-Length: -0",), (b"Content-Length: 0x4",),
            (b"Content-Length: 4 4",), (b"Content-Length: 4;",), (b"Content-Length: 4.0",), (b"Content-Length: 4e0",),
            (b"Content-Length: 04",), (b"Content-Length: 00",), (b"Content-Length: four",), (b'Content-Length: "4"',),
            (b"Content-Length: 4\xa0",), (b"Content-Length: \xb2",), (b"Content-Length: 18446744073709551620",),
            (b"Content-Length: 9223372036854775808",), (b"Content-Length: 4294967300" + b"0" * 20,),
            (b"Content-Length: 4_0",), (b"Content-Length: 4, chunked",), (b"Content-Length: \t4 4",),
        )),
        good(answer(b"Content-Length:\t 5 \t", body=b"hello"), b"hello"),
        good(answer(b"CONTENT-LENGTH: 5", body=b"hello"), b"hello"),
        good(answer(b"Content-Length: 0"), b""),
        good(answer(b"Content_Length: 3", b"Content-Length: 5", body=b"hello"), b"hello", lacks=("content_length",)),
    ),
)  # fmt: skip

BOTH = Row(
    118,
    "an answer with both framings",
    tuple(
        bad(answer(*lines, body=body))
        for body in (b"4\r\nevil\r\n0\r\n\r\n", b"evil")
        for lines in (
            (b"Content-Length: 4", b"Transfer-Encoding: chunked"),
            (b"Transfer-Encoding: chunked", b"Content-Length: 4"),
            (b"Transfer-Encoding: chunked", b"Content-Length: 0"),
            (b"Transfer-Encoding: chunked", b"Content-Length: 4", b"Connection: content-length"),
            (b"Transfer-Encoding: chunked", b"Content-Length: x"),
            (b"Transfer-Encoding: identity", b"Content-Length: 4"),
            (b"Transfer-Encoding:", b"Content-Length: 4"),
            (b"Transfer-Encoding: chunked", b"X: y", b"content-length: 4"),
        )
    ),
)

CODINGS = Row(
    119,
    "a transfer coding of an answer that is unknown, hidden, or of HTTP/1.0",
    tuple(
        bad(answer(b"Transfer-Encoding:" + coding, body=b"4\r\nevil\r\n0\r\n\r\n"))
        for coding in (
            b" gzip", b" gzip, chunked", b" chunked, gzip", b" chunked, chunked", b" identity", b" x", b"", b" ,", b" chunked,",
            b" ,chunked", b" chunked;q=1", b' "chunked"', b" chunked x", b" xchunked", b" chunkedx", b" chunked\xa0",
            b" \xa0chunked", b" c\xffhunked", b" chunked, identity", b" deflate,chunked",
        )
    )
    + tuple(
        bad(answer(*lines, body=b"4\r\nevil\r\n0\r\n\r\n"))
        for lines in (
            (b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
            (b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip"),
            (b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked"),
            (b"Transfer-Encoding: chunked", b"Connection: transfer-encoding"),
            (b"Connection: Transfer-Encoding", b"Transfer-Encoding: chunked"),
            (b"Transfer-Encoding: \x0bchunked",),
            (b"Transfer-Encoding: chunked\x0c",),
        )
    )
    + (
        bad(chunked(b"4\r\nevil\r\n0\r\n\r\n", version=b"HTTP/1.0"), "in HTTP/1.0"),
        bad(chunked(b"4\r\nevil\r\n0\r\n\r\n", b"Connection: keep-alive", version=b"HTTP/1.0"), "in HTTP/1.0, kept"),
        *(
            good(answer(b"Transfer-Encoding:" + coding, body=b"5\r\nhello\r\n0\r\n\r\n"), b"hello", framing="chunked")
            for coding in (b" chunked", b"chunked", b" CHUNKED", b"\tChunked \t")
        ),
    ),
)  # fmt: skip

HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
LAST = length(b"hello")

INTERIM = Row(
    120,
    "interim answers",
    (
        good(HINTS + LAST, b"hello", interims=(103,)),
        good(HINTS * 3 + LAST, b"hello", interims=(103, 103, 103)),
        good(HINTS * 16 + LAST, b"hello", "as many as may be", interims=(103,) * 16),
        Answer("too many", HINTS * 17, 502, None, interims=(103,) * 16),
        bad(b"HTTP/1.1 102 Processing\r\n\r\n" * 17, "too many that are dropped"),
        good(HINTS + LAST, b"hello", "to HTTP/1.0", ask=OLD, closed=True),
        good(HINTS + LAST, b"hello", "to HTTP/1.0, kept", ask=OLD_KEPT),
        good(HINTS + length(b"")[:-2] + b"\r\n", b"", "before an empty answer", interims=(103,)),
        *(
            good(b"HTTP/1.1 " + status + b"\r\nX: y\r\n\r\n" + LAST, b"hello", lacks=("x",))
            for status in (b"100 Continue", b"102 Processing", b"104 Upload Resumption", b"110 x", b"199 x", b"100", b"100 ")
        ),
        good(b"HTTP/1.1 100 Continue\r\n\r\n" + HINTS + b"HTTP/1.1 102 x\r\n\r\n" + LAST, b"hello", interims=(103,)),
        good(
            HINTS[:-2] + b"Connection: X-A\r\nX-A: b\r\nKeep-Alive: 5\r\nX-Request-Id: evil\r\n\r\n" + LAST,
            b"hello",
            "fields of one hop",
            interims=(103,),
        ),
        good(HINTS[:-2] + b"Content-Length: 0\r\n\r\n" + LAST, b"hello", "with a length", interims=(103,)),
        *(
            Answer(f"103, then {named(data)}", HINTS + data, 502, None, interims=(103,))
            for data in (b"HTTP/1.1 20 OK\r\n\r\n", b"\r\n" + LAST, b"evil" + LAST, b"HTTP/1.1 200 OK\r\nX\r\n\r\n")
        ),
        Answer("103, then the end", HINTS, 502, None, interims=(103,), after=After.FIN),
        Answer("103, then a reset", HINTS, 502, None, interims=(103,), after=After.RST),
        Answer("100, then the end", b"HTTP/1.1 100 Continue\r\n\r\n", 502, None, after=After.FIN),
        bad(b"HTTP/1.1 103 Early Hints\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"),
        bad(b"HTTP/1.1 103 Early Hints\r\nLink\r\n\r\n" + LAST),
    ),
)  # fmt: skip

SWITCH = b"HTTP/1.1 101 Switching Protocols\r\n"

UNASKED = Row(
    121,
    "101 that nobody asked for",
    tuple(
        bad(data)
        for data in (
            SWITCH + b"\r\n",
            SWITCH + b"\r\n" + EVIL,
            SWITCH + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            SWITCH + b"Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0",
            SWITCH + b"Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 4\r\n\r\nevil",
            b"HTTP/1.1 100 Continue\r\n\r\n" + SWITCH + b"Upgrade: x\r\nConnection: Upgrade\r\n\r\n",
            b"HTTP/1.0 101 x\r\n\r\n",
        )
    ),
)

BODILESS = Row(
    122,
    "204 and 304 with a body",
    (
        *(
            Answer(f"{status}: {named(data)}", b"HTTP/1.1 %d x\r\n" % status + data, status, kept=kept)
            for status in (204, 304)
            for data, kept in (
                (b"\r\n", True),
                (b"ETag: x\r\n\r\n", True),
                (b"Content-Length: 0\r\n\r\n", True),
                (b"\r\nevil", False),
                (b"\r\n" + EVIL, False),
                (b"Content-Length: 4\r\n\r\nevil", False),
                (b"Transfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n", False),
                (b"Connection: close\r\n\r\n", False),
            )
        ),
        Answer(
            "a length that 204 must not tell", b"HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n", 204, lacks=("content-length",)
        ),
        Answer(
            "a coding that 204 must not tell", b"HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n", 204,
            lacks=("transfer-encoding",),
        ),
        Answer(
            "a length that 304 may tell", b"HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n", 304, kept=True,
            has=(("content-length", b"5"),),
        ),
        Answer("304 to HTTP/1.0", b"HTTP/1.1 304 x\r\n\r\n", 304, ask=OLD, closed=True, kept=True),
        bad(b"HTTP/1.1 204 x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"),
        bad(b"HTTP/1.1 304 x\r\nContent-Length: 4, 4\r\n\r\n"),
    ),
)  # fmt: skip

TO_HEAD = Row(
    123,
    "an answer to HEAD with a body",
    (
        *(
            Answer(f"HEAD: {named(data)}", data, status, ask=HEAD, has=has)
            for data, status, has in (
                (length(b"evil"), 200, (("content-length", b"4"),)),
                (answer(body=b"evil"), 200, ()),
                (answer(body=EVIL), 200, ()),
                (chunked(b"4\r\nevil\r\n0\r\n\r\n"), 200, ()),
                (length(b"evil", status=b"404 x"), 404, (("content-length", b"4"),)),
                (answer(b"Content-Length: 0", body=b"evil"), 200, (("content-length", b"0"),)),
                (answer(b"Content-Length: 5", body=b"evil" * 5), 200, ()),
                # The body that it should not have may still be on its way.
                (answer(b"Content-Length: 5"), 200, (("content-length", b"5"),)),
                (answer(b"Transfer-Encoding: chunked"), 200, ()),
            )
        ),
        Answer("HEAD: nothing to come", answer(b"Content-Length: 0"), ask=HEAD, kept=True),
        Answer("HEAD: closed", answer(b"Content-Length: 5"), ask=HEAD, after=After.FIN),
        Answer("HEAD: nothing told", answer(), ask=HEAD),
        Answer("HEAD: 204", answer(b"Content-Length: 0", status=b"204 x"), 204, ask=HEAD, kept=True),
        Answer("HEAD: 304", answer(b"Content-Length: 5", status=b"304 x"), 304, ask=HEAD),
        bad(answer(b"Content-Length: 4", b"Content-Length: 5"), "HEAD: two lengths", ask=HEAD),
        bad(answer(b"Content-Length: 4", b"Transfer-Encoding: chunked"), "HEAD: two framings", ask=HEAD),
    ),
)

TRUNCATED = Row(
    124,
    "an answer that ends before its length",
    tuple(
        cut(answer(b"Content-Length: %d" % size, *lines, body=body), after, ask=ask)
        for after in (After.FIN, After.RST)
        for ask in (b"GET @ HTTP/1.1\r\nHost: a\r\n\r\n", OLD, OLD_KEPT)
        for size, body, lines in (
            (5, b"hell", ()),
            (1, b"", ()),
            (5, b"h", (b"Connection: close",)),
            (10**17, b"hello", ()),
        )
    )
    + tuple(
        cut(answer(b"Content-Length: 5", *lines, body=b"hell", version=b"HTTP/1.0"), After.FIN)
        for lines in ((), (b"Connection: keep-alive",))
    ),
)

TRAILING = Row(
    125,
    "bytes behind an answer",
    (
        *(
            good(data + extra, b"hello", kept=False)
            for extra in (b"x", b"\r\n", b"\n", b"\0", b"evil", EVIL, b"HTTP/1.1 100 Continue\r\n\r\n" + EVIL)
            for data in (length(b"hello"), chunked(b"5\r\nhello\r\n0\r\n\r\n"))
        ),
        good(answer(b"Content-Length: 0", body=EVIL), b"", kept=False),
        good(length(NONCE) + EVIL, NONCE, "each its own", kept=False),
        good(length(b"hello") + EVIL, b"hello", "behind an answer to HTTP/1.0", kept=False, ask=OLD, closed=True),
        good(length(b"hello") + EVIL, b"hello", "behind an answer to HTTP/1.0, kept", kept=False, ask=OLD_KEPT),
        Answer("behind a 404", length(b"hello", status=b"404 x") + EVIL, 404, b"hello"),
        good(length(NONCE), NONCE, "nothing"),
    ),
)

UNTIL_CLOSE = Row(
    127,
    "an answer that ends with its connection",
    (
        *(
            good(answer(*lines, body=body, version=version), body, kept=False, after=After.FIN, framing="chunked")
            for body in (b"hello", b"", b"5\r\nhello\r\n0\r\n\r\n", EVIL.replace(b"evil", b"good"))
            for lines, version in (((), b"HTTP/1.1"), ((b"Connection: close",), b"HTTP/1.1"), ((), b"HTTP/1.0"))
        ),
        good(answer(body=NONCE), NONCE, "each its own", kept=False, after=After.FIN),
        good(answer(body=b"hello"), b"hello", "keep-alive", kept=False, after=After.FIN),
        *(
            good(answer(body=b"hello"), b"hello", name, kept=False, after=After.FIN, ask=ask, closed=True, framing="close")
            for name, ask in (("to HTTP/1.0", OLD), ("to HTTP/1.0, kept", OLD_KEPT))
        ),
        *(
            good(chunked(b"5\r\nhello\r\n0\r\n\r\n"), b"hello", name, ask=ask, closed=True, framing="close")
            for name, ask in (("chunks to HTTP/1.0", OLD), ("chunks to HTTP/1.0, kept", OLD_KEPT))
        ),
        *(cut(answer(body=b"hello"), After.RST, name, ask=ask) for name, ask in (
            ("reset", b"GET @ HTTP/1.1\r\nHost: a\r\n\r\n"), ("reset, to HTTP/1.0", OLD), ("reset, to HTTP/1.0, kept", OLD_KEPT)
        )),
    ),
)  # fmt: skip

BROKEN_CHUNKS = Row(
    128,
    "chunks of an answer that are malformed, or do not end",
    tuple(
        cut(chunked(b"3\r\nabc\r\n" + coded), ask=ask)
        for ask in (b"GET @ HTTP/1.1\r\nHost: a\r\n\r\n", OLD_KEPT)
        for coded in (
            b"x\r\n", b"\r\n", b"-1\r\n", b"+1\r\n", b"0x1\r\n", b" 1\r\n", b"1 \r\na\r\n", b"1\t\r\na\r\n", b"1\na\r\n",
            b"1\r\na\n", b"1\r\nab\r\n", b"1\r\n\r\n", b"4\r\nlast\n0\r\n\r\n", b"1;a\nb\r\n", b"1;\0\r\n", b"1;a\rb\r\n",
            b"11111111111111111\r\n", b"ffffffffffffffff\r\n", b"8000000000000000\r\n", b"00000000000000001\r\n",
            b"1;" + b"a" * 300 + b"\r\n", b"g\r\n", b"\xb2\r\n", b"0\n\r\n", b"0\r\nX\r\n\r\n", b"0\r\n X: y\r\n\r\n",
            b"0\r\nX: \0\r\n\r\n", b"0\r\nX: y\n\r\n", b"0\r\n: y\r\n\r\n", b"0\r\nX : y\r\n\r\n", b"0\r\n\rx\r\n",
            b"0\r\nX: " + b"y" * 9000 + b"\r\n\r\n",
        )
    )
    + tuple(
        cut(chunked(coded), after, ask=ask)
        for after in (After.FIN, After.RST)
        for ask in (b"GET @ HTTP/1.1\r\nHost: a\r\n\r\n", OLD)
        for coded in (b"", b"5", b"5\r\n", b"5\r\nhel", b"5\r\nhello", b"5\r\nhello\r\n", b"0", b"0\r\n", b"0\r\n\r", b"0\r\nX: y\r\n")
    )
    + (
        good(chunked(b"03;a=b\r\nabc\r\n0000000000000002 ;x\r\nde\r\n000\r\n\r\n"), b"abcde"),
        good(chunked(b"A\r\n0123456789\r\nb\r\nabcdefghijk\r\n0\r\nX: y\r\n\r\n"), b"0123456789abcdefghijk", lacks=("x",)),
        good(chunked(b"1\r\na\r\n" * 300 + b"0\r\n\r\n"), b"a" * 300, "many small ones"),
    ),
)  # fmt: skip

HOP = (
    b"Connection: X-Hop, X-Other", b"X-Hop: 1", b"X-Other: 2", b"Keep-Alive: timeout=5", b"Proxy-Connection: keep-alive",
    b"Proxy-Authenticate: Basic", b"Upgrade: h2c", b"TE: trailers", b"Trailer: X",
)  # fmt: skip
GONE = (
    "x-hop", "x-other", "keep-alive", "proxy-connection", "proxy-authenticate", "upgrade", "te", "trailer", "connection",
)  # fmt: skip

HOP_BY_HOP = Row(
    132,
    "fields of an answer that are for one hop",
    (
        good(length(b"hello", *HOP, b"X-End: 3"), b"hello", "all of them", has=(("x-end", b"3"),), lacks=GONE),
        good(length(b"hello", *HOP[::-1], b"X-End: 3"), b"hello", "in another order", has=(("x-end", b"3"),), lacks=GONE),
        *(
            good(length(b"hello", b"X-Hop: 1", b"Connection:" + value), b"hello", lacks=("x-hop", "connection"))
            for value in (b" x-hop", b"X-HOP", b" ,x-hop, ,", b"\tkeep-alive, x-hop", b" x-hop,x-hop")
        ),
        good(
            length(b"hello", b"Connection: a", b"Connection: x-hop", b"A: 1", b"X-Hop: 1"), b"hello", lacks=("a", "x-hop")
        ),
        good(length(b"hello", b"Connection: close, x-hop", b"X-Hop: 1"), b"hello", kept=False, lacks=("x-hop", "connection")),
        good(length(b"hello", b"Connection: CLOSE"), b"hello", kept=False, lacks=("connection",)),
        good(length(b"hello", b"Connection: content-length, x-request-id"), b"hello", has=(("content-length", b"5"),)),
        good(length(b"hello", b"X_Under: 1"), b"hello", lacks=("x_under",)),
        good(length(b"hello", b"X-Request-Id: evil"), b"hello"),
        good(
            length(b"hello", b"Set-Cookie: a=b", b"set-cookie: c=d", b"Server: x", b"X-A: \xe9"), b"hello", "all others pass",
            has=(("server", b"x"), ("x-a", b"\xe9")),
        ),
        good(length(b"hello", b"Connection: x-hop", b"X-Hop: 1"), b"hello", "to HTTP/1.0", ask=OLD, closed=True, lacks=("x-hop",)),
        *(
            bad(length(b"evil", b"Connection: " + value))
            for value in (b"a b", b"x-hop;q=1", b'"x-hop"', b"a,b c", b"\xe9", b"(x)", b",".join([b"a"] * 65))
        ),
    ),
)  # fmt: skip

TRAILED = b"5\r\nhello\r\n0\r\n"
SUM = ((b"X-Sum", b"abc"),)

TRAILERS = Row(
    133,
    "trailers of an answer",
    (
        good(chunked(TRAILED + b"X-Sum: abc\r\n\r\n"), b"hello", "that nobody asked for", lacks=("x-sum",)),
        *(
            good(chunked(TRAILED + sent, b"Trailer: X-Sum"), b"hello", trailers=seen, ask=WANTS)
            for sent, seen in (
                (b"X-Sum: abc\r\n\r\n", SUM),
                (b"X-Sum:abc\r\n\r\n", SUM),
                (b"X-Sum: \t abc \t\r\n\r\n", SUM),
                (b"\r\n", ()),
                (b"X-Sum: abc\r\nX-Sum: abc\r\n\r\n", SUM * 2),
                (b"X-Sum: abc\r\nGrpc-Status: 0\r\nETag: x\r\n\r\n", (*SUM, (b"Grpc-Status", b"0"), (b"ETag", b"x"))),
                *(
                    (name + b": 1\r\nX-Sum: abc\r\n\r\n", SUM)
                    for name in (
                        b"Content-Length", b"content-length", b"Transfer-Encoding", b"Host", b"Connection", b"Trailer", b"TE",
                        b"Upgrade", b"Keep-Alive", b"Set-Cookie", b"Authorization", b"Content-Type", b"Content-Encoding",
                        b"Content-Range", b"Cache-Control", b"Location", b"WWW-Authenticate", b"Via", b"X-Request-Id", b"Date",
                        b"Expires", b"Age", b"Vary", b"Retry-After", b"X_Under",
                    )
                ),
            )
        ),
        good(chunked(TRAILED + b"X-Sum: abc\r\n\r\n" + EVIL), b"hello", kept=False, trailers=SUM, ask=WANTS),
        good(
            chunked(TRAILED + b"X-Sum: abc\r\n\r\n"), b"hello", "to HTTP/1.0", ask=WANTS.replace(b"1.1", b"1.0"), closed=True,
        ),
        *(
            cut(chunked(TRAILED + sent), ask=WANTS)
            for sent in (
                b"X\r\n\r\n", b"X : y\r\n\r\n", b" X: y\r\n\r\n", b"X: y\n\r\n", b"X: \0\r\n\r\n", b"X: y\r\n z\r\n\r\n",
                b": y\r\n\r\n", b"X: y\rz\r\n\r\n", b"X: y\r\n\n", b"X(: y\r\n\r\n", b"X: " + b"y" * 9000 + b"\r\n\r\n",
            )
        ),
        *(cut(chunked(TRAILED + b"X-Sum: abc\r\n"), after, ask=WANTS) for after in (After.FIN, After.RST)),
    ),
)  # fmt: skip

ROWS = (
    STATUS_LINE, LENIENT, FIELD_BYTES, TOO_LARGE, CONTENT_LENGTH, BOTH, CODINGS, INTERIM, UNASKED, BODILESS, TO_HEAD, TRUNCATED,
    TRAILING, UNTIL_CLOSE, BROKEN_CHUNKS, HOP_BY_HOP, TRAILERS,
)  # fmt: skip
