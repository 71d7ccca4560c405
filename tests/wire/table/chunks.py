"""Rows 80 to 93: the chunked coding (RFC 9112 7.1)."""

from __future__ import annotations

from tests.wire.table.model import End, Request, Row, Seen, dropped, head, named, post, refused, taken

LAST = b"0\r\n\r\n"
EVIL = b"GET /evil HTTP/1.1\r\nHost: a\r\n\r\n"


def chunked(body: bytes) -> bytes:
    """A request with these bytes for a chunked body."""
    return post(b"Transfer-Encoding: chunked", body=body)


def bad(body: bytes, status: int = 400, name: str = "") -> Request:
    """A chunked body that is refused: the agent never gets its end."""
    return refused(chunked(body), status, name or f"a body of {named(body)}")


def good(body: bytes, decoded: bytes, name: str = "") -> Request:
    """A chunked body that passes, decoded and coded anew."""
    return taken(
        chunked(body), Seen(b"/", b"POST", body=decoded, framing="chunked"), name or f"a body of {named(body)}"
    )


SIZES = Row(
    80,
    "a chunk size that is no row of hexadecimal digits",
    (
        *(
            bad(size + b"\r\nabc\r\n" + LAST)
            for size in (
                b"", b" ", b"\t", b" 3", b"\t3", b"-3", b"+3", b"-0", b"0x3", b"0X3", b"x3", b"#3", b"$3", b"3 ", b"3\t", b"3h", b"3g", b"g",
                b"3.0", b"3.", b"3,", b"3:", b"3/", b"3_0", b"_3", b"3 3", b"3-", b"'3'", b'"3"', b"(3)", b"\xb3", b"\xb23", b"3\x00", b"\x003",
                b"\x0b3", b"3\x0b", b"3\x0c", b"3\xa0", b"\xa03", b"3\x80", b"3\xff", b"three", b"3=a", b"3,3", b"%33", b"\\3", b"3\\",
                b"3\x1f", b"3\x7f", "\uff13".encode(), b"\xef\xbb\xbf3",
            )
        ),
        bad(b"3\r\nabc\r\n\r\n" + LAST),
        bad(b"3\r\nabc\r\nx\r\n\r\n"),
        bad(b"3\r\nabc\r\n-1\r\n\r\n"),
        bad(b"3\r\nabc\r\n 0\r\n\r\n"),
        bad(b"3\r\nabc\r\n0 \r\n\r\n"),
        bad(b"\r\n3\r\nabc\r\n" + LAST),
        bad(EVIL),
    ),
)  # fmt: skip

OVERFLOW = Row(
    81,
    "a chunk size that overflows",
    tuple(
        bad(size + b"\r\nabc\r\n" + LAST)
        for size in (
            b"8000000000000000", b"8000000000000003", b"ffffffffffffffff", b"FFFFFFFFFFFFFFFF", b"fffffffffffffffd", b"10000000000000000",
            b"10000000000000003", b"100000000000000003", b"1" + b"0" * 31 + b"3", b"f" * 17, b"f" * 32, b"f" * 100, b"8000000000000000;a",
            b"0" * 17, b"00000000000000003", b"1" + b"0" * 200,
        )
    ),
)  # fmt: skip

ZEROS = Row(
    82,
    "zeros before a chunk size",
    (
        *(good(b"0" * n + b"3\r\nabc\r\n" + LAST, b"abc") for n in (1, 2, 7, 8, 15)),
        *(good(b"3\r\nabc\r\n" + b"0" * n + b"\r\n\r\n", b"abc") for n in (2, 8, 15, 16)),
        good(b"0000000a\r\n0123456789\r\n0A\r\n0123456789\r\n" + LAST, b"0123456789" * 2),
        *(bad(b"0" * n + b"3\r\nabc\r\n" + LAST) for n in (16, 17, 31, 64, 240)),
        *(bad(b"3\r\nabc\r\n" + b"0" * n + b"\r\n\r\n") for n in (17, 32, 255)),
    ),
)

EXTENSIONS = Row(
    83,
    "chunk extensions, well-formed",
    (
        *(
            good(b"3" + extension + b"\r\nabc\r\n0" + extension + b"\r\n\r\n", b"abc")
            for extension in (
                b";a", b";a=b", b';a="b"', b";a=b;c=d", b";a;b;c", b'; a="b c"', b" ;a", b"\t;a", b" ; a = b", b';a="b;c"', b';a="\\""',
                b';a="b\tc"', b";" + b"a" * 200, b';a="\xe9"', b";a=0x3", b";ieof", b";chunk-signature=" + b"0" * 64, b";a=b;a=b",
                b';a="0"', b";-=-",
            )
        ),
        good(b"1;a\r\na\r\n1\r\nb\r\n1;c=d\r\nc\r\n0;e\r\n\r\n", b"abc"),
    ),
)  # fmt: skip

BROKEN_EXTENSIONS = Row(
    84,
    "line ends inside chunk extensions",
    tuple(
        bad(body)
        for body in (
            b"3;a\nabc\r\n" + LAST, b"3;\nabc\r\n" + LAST, b"3;a\n\r\nabc\r\n" + LAST, b"3;a\rb\r\nabc\r\n" + LAST, b"3;\r\r\nabc\r\n" + LAST,
            b"3;a\r\r\nabc\r\n" + LAST, b'3;a="\n"\r\nabc\r\n' + LAST, b'3;a="\r"\r\nabc\r\n' + LAST, b"3;a=b\nc\r\nabc\r\n" + LAST,
            b"3;a\0\r\nabc\r\n" + LAST, b"3;a\x01\r\nabc\r\n" + LAST, b"3;a\x0b\r\nabc\r\n" + LAST, b"3;a\x7f\r\nabc\r\n" + LAST,
            b"3 \nabc\r\n" + LAST, b"3\n;a\r\nabc\r\n" + LAST, b"3\r;a\r\nabc\r\n" + LAST, b"0;a\n\r\n", b"0;\n\n", b"0;a\rb\r\n\r\n",
            b"2;\nxx\r\n4c\r\n0\r\n\r\n" + EVIL, b"0;\n\r\n" + EVIL, b"3;a\r\nabc\r\n0;\n\r\n", b"3;a\n" + b"b" * 10 + b"\r\nabc\r\n" + LAST,
        )
    ),
)  # fmt: skip

EXTENSION_FLOOD = Row(
    85,
    "a flood of chunk extensions",
    (
        good(b"3;" + b"a" * 253 + b"\r\nabc\r\n" + LAST, b"abc", "a chunk line of 256 bytes with its CR"),
        good((b"1;" + b"a" * 200 + b"\r\nx\r\n") * 20 + LAST, b"x" * 20, "extensions of 4,020 bytes"),
        good(b"1;\r\nx\r\n" * 4000 + LAST, b"x" * 4000, "extensions of one byte, 4,000 times"),
        bad(b"3;" + b"a" * 254 + b"\r\nabc\r\n" + LAST, name="a chunk line of 257 bytes"),
        bad(b"3;" + b"a" * 1000 + b"\r\nabc\r\n" + LAST, name="a chunk line of 1,000 bytes"),
        bad(b"3;" + b"a" * 70000, name="a chunk line that does not end"),
        bad(b"3" + b" " * 300 + b";a\r\nabc\r\n" + LAST, name="300 spaces before an extension"),
        bad(b"3" + b";a" * 200 + b"\r\nabc\r\n" + LAST, name="200 extensions"),
        bad((b"1;" + b"a" * 200 + b"\r\nx\r\n") * 21 + LAST, name="extensions of 4,221 bytes"),
        bad((b"1;" + b"a" * 100 + b"\r\nx\r\n") * 100 + LAST, name="extensions of 10 kB"),
        bad(b"1;\r\nx\r\n" * 5000 + LAST, name="extensions of one byte, 5,000 times"),
        bad(b'1;a="' + b"b" * 300 + b'"\r\nx\r\n' + LAST, name="a quoted value of 300 bytes"),
    ),
)

TINY = Row(
    86,
    "a flood of tiny chunks",
    (
        *(good(b"1\r\nx\r\n" * n + LAST, b"x" * n, f"{n} chunks of a byte") for n in (1, 10, 1000, 4000)),
        good(b"2\r\n\r\n\r\n" * 100 + LAST, b"\r\n" * 100, "chunks of line ends"),
        good(b"5\r\n0\r\n\r\n\r\n" * 50 + LAST, b"0\r\n\r\n" * 50, "chunks that look like the last"),
        good(b"1\r\nx\r\n3\r\nabc\r\n" * 100 + LAST, b"xabc" * 100, "chunks of 1 and 3 bytes"),
        good(b"1\r\nx\r\n" * 5 + b"1f40\r\n" + b"y" * 8000 + b"\r\n" + b"1\r\nz\r\n" * 5 + LAST, b"xxxxx" + b"y" * 8000 + b"zzzzz", "tiny, large, tiny"),
    ),
)  # fmt: skip

TERMINATORS = Row(
    87,
    "ends of chunk lines and of chunk data",
    tuple(
        bad(body)
        for body in (
            b"3\nabc\r\n" + LAST, b"3\rabc\r\n" + LAST, b"3\n\rabc\r\n" + LAST, b"3\r\r\nabc\r\n" + LAST, b"3\r\n\r\nabc\r\n" + LAST,
            b"3\r\nabc\n" + LAST, b"3\r\nabc\r" + LAST, b"3\r\nabc" + LAST, b"3\r\nabc\n\r" + LAST, b"3\r\nabc\r\r\n" + LAST, b"3\r\nabcXX" + LAST,
            b"3\r\nabc\rX" + LAST, b"3\r\nabcX\n" + LAST, b"3\r\nabc  " + LAST, b"3\r\nabc\0\0" + LAST, b"3\r\nabc\r\n0\n\r\n", b"3\r\nabc\r\n0\r\r\n",
            b"3\r\nabc\r\n0\n\n", b"3\r\nabc\r\n0\r\n\n", b"3\r\nabc\r\n0\r\n\rX", b"3\r\nabc\r\n0\r\n\0", b"0\n\r\n", b"0\r\n\n",
            b"0\r\rX", b"0\r\n\r\r", b"3\r\nabc\r\n\n" + LAST, b"3\r\nabc\r\n \r\n" + LAST, b"3X\r\nabc\r\n" + LAST, b"3\n\nabc\n0\n\n",
            b"3\r\nabc\r\n0\r\n" + EVIL[:4] + b"\r\n\r\n", b"1\r\nZ\r\n0\r\n\n\r\n",
        )
    ),
)  # fmt: skip

SIZE_AND_DATA = Row(
    88,
    "a chunk size that is not that of its data",
    tuple(
        bad(body)
        for body in (
            b"3\r\nab\r\n" + LAST + b"\r\n", b"3\r\nabcd\r\n" + LAST, b"2\r\nabc\r\n" + LAST, b"4\r\nabc\r\n" + LAST, b"1\r\nabc\r\n" + LAST,
            b"0\r\nabc\r\n" + LAST, b"5\r\nabc\r\n" + LAST, b"3\r\nabc3\r\nabc\r\n" + LAST, b"3\r\nabc\r\n3\r\nabcd\r\n" + LAST,
            b"6\r\nabc\r\n" + LAST, b"a\r\nabc\r\n" + LAST + b"XX", b"03\r\nabcd\r\n" + LAST, b"3;a\r\nabcd\r\n" + LAST, b"1\r\n\r\n\r\n\r\n" + LAST,
            b"2\r\n\r\n\r\n\r\n" + LAST,
        )
    ),
)  # fmt: skip

TRAILERS = Row(
    89,
    "trailers",
    tuple(
        taken(
            post(b"Transfer-Encoding: chunked", *lines, body=b"3\r\nabc\r\n0\r\n" + section + b"\r\n"),
            Seen(b"/", body=b"abc", framing="chunked", host=b"a", lacks=("T", "X-API-Key", "Content-Length", "Authorization")),
            f"trailers {named(section)} after {lines}",
        )
        for lines in ((), (b"TE: trailers", b"Connection: TE", b"Trailer: T"))
        for section in (
            b"T: v\r\n", b"T:\r\n", b"T: v\r\nT: w\r\n", b"T:\tv \r\n", b"Content-Length: 30\r\n", b"Transfer-Encoding: chunked\r\n",
            b"Transfer-Encoding: gzip\r\n", b"Host: b\r\n", b"X-API-Key: foo\r\n", b"Authorization: Bearer foo\r\n", b"X-Forwarded-For: 6.6.6.6\r\n",
            b"Connection: close\r\n", b"Set-Cookie: a=b\r\n", b"T_X: v\r\n", b"T: " + b"v" * 8000 + b"\r\n", b"T: v\r\n" * 200,
            b"!#$%&'*+-.^_`|~: v\r\n", b"T: \xe9\r\n", b"Trailer: T\r\n", b"Expect: 100-continue\r\n",
        )
    ),
)  # fmt: skip

BAD_TRAILERS = Row(
    90,
    "malformed or oversized trailers",
    (
        *(
            bad(b"3\r\nabc\r\n0\r\n" + section)
            for section in (
                b"T\r\n\r\n", b" T: v\r\n\r\n", b"\tT: v\r\n\r\n", b"T : v\r\n\r\n", b"T\t: v\r\n\r\n", b": v\r\n\r\n", b":\r\n\r\n", b"T: v\r\n w\r\n\r\n",
                b"T: v\r\n\tw\r\n\r\n", b"T: v\n\r\n", b"T: v\n\n", b"T: v\rX\r\n\r\n", b"T: v\0\r\n\r\n", b"T: \x01\r\n\r\n", b"T: \x7f\r\n\r\n",
                b"T\0: v\r\n\r\n", b"T(: v\r\n\r\n", b"T;v\r\n\r\n", b"T: v\r\n\n", b"T: v\r\n\rX", b"T: v\r\r\n\r\n", b"T\xe9: v\r\n\r\n",
                b"\0\r\n\r\n", b"\n", b"\n\r\n", b"GET /evil HTTP/1.1\r\nHost: a\r\n\r\n", b"0\r\n\r\n", b"T v\r\n\r\n", b"\x0bT: v\r\n\r\n",
                b"T\n: v\r\n\r\n", b"T: v\nX: y\r\n\r\n",
            )
        ),
        bad(b"0\r\nT: " + b"v" * 8192 + b"\r\n\r\n", 431, "a trailer of 8 kB"),
        bad(b"0\r\nT: " + b"v" * 70000, 431, "a trailer that does not end"),
        bad(b"0\r\n" + b"T: v\r\n" * 2000 + b"\r\n", 431, "2,000 trailers"),
        bad(b"0\r\n" + b"T" * 9000 + b": v\r\n\r\n", 431, "a name of 9,000 bytes"),
        bad(b"3\r\nabc\r\n0\r\nT:" + b" " * 9000 + b"\r\n\r\n", 431, "9,000 spaces"),
    ),
)  # fmt: skip

WHOLE = b"3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nT: v\r\n\r\n"
CUT = (
    0,
    1,
    2,
    5,
    6,
    7,
    8,
    9,
    10,
    11,
    12,
    13,
    14,
    15,
    16,
    17,
    18,
    19,
    20,
    21,
    22,
    23,
    24,
    25,
    26,
    27,
    28,
    len(WHOLE) - 1,
)

ENDED = Row(
    91,
    "a chunked body that is not complete, then the end",
    (
        *(dropped(chunked(WHOLE[:n]), f"the end after {WHOLE[:n][-8:]!r}") for n in CUT),
        dropped(chunked(b"ffffffff\r\nabc"), "the end in a large chunk"),
        dropped(chunked(b"3\r\nabc\r\n0\r\n"), "the end before the last CRLF"),
        dropped(chunked(b"3\r\nabc\r\n0\r\n\r"), "the end before the last LF"),
        dropped(chunked(b"1f\r\n" + EVIL), "the end in a chunk that looks like a request"),
    ),
)

STALLED = Row(
    92,
    "a chunked body that stalls",
    (
        *(refused(chunked(WHOLE[:n]), 408, f"silence after {WHOLE[:n][-8:]!r}", End.SILENT) for n in CUT),
        refused(chunked(b"ffffffff\r\nabc"), 408, "silence in a large chunk", End.SILENT),
        refused(chunked(b"3\r\nabc\r\n0\r\n"), 408, "silence before the last CRLF", End.SILENT),
    ),
    {"body_idle_ms": 150},
)

FIRST = Seen(b"/", b"POST", body=b"abc", framing="chunked")


def followed(rest: bytes, *seen: Seen, answers: tuple[int, ...], closed: bool = False, name: str = "") -> Request:
    """A good chunked request, and what comes after it."""
    data = chunked(b"3\r\nabc\r\n" + LAST) + rest
    return Request(name or f"then {named(rest)}", data, answers, closed=closed, seen=(FIRST, *seen))


FOLLOWED = Row(
    93,
    "bytes after the last chunk",
    (
        followed(head(target=b"/next"), Seen(b"/next", b"GET"), answers=(200, 200)),
        followed(chunked(b"3\r\nabc\r\n" + LAST), FIRST, answers=(200, 200)),
        followed(post(b"Content-Length: 3", target=b"/next", body=b"xyz"), Seen(b"/next", body=b"xyz"), answers=(200, 200)),
        followed(b"\r\n" + head(target=b"/next"), Seen(b"/next", b"GET"), answers=(200, 200)),
        followed(b"\r\n\r\n" + head(target=b"/next"), Seen(b"/next", b"GET"), answers=(200, 200)),
        followed(
            head(target=b"/next") + head(target=b"/third"), Seen(b"/next"), Seen(b"/third"), answers=(200, 200, 200)
        ),
        followed(head(b"Connection: close", target=b"/next"), Seen(b"/next"), answers=(200, 200), closed=True),
        *(
            followed(rest, answers=(200, 400), closed=True)
            for rest in (
                b"0\r\n\r\n", LAST + LAST, b"\n", b" \r\n", b"\0", b"3\r\nabc\r\n", b"\r\n0\r\n\r\n", b"T: v\r\n\r\n", b"abc\r\n", b"x y\r\n",
                b"\r\n\n", b"\xff", b"\x16\x03\x01",
            )
        ),
    ),
)  # fmt: skip

ROWS = (
    SIZES, OVERFLOW, ZEROS, EXTENSIONS, BROKEN_EXTENSIONS, EXTENSION_FLOOD, TINY, TERMINATORS, SIZE_AND_DATA, TRAILERS, BAD_TRAILERS, ENDED,
    STALLED, FOLLOWED,
)  # fmt: skip
