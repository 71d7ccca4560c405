"""Rows 37 to 56: field lines, and the end and the size of a head (RFC 9112 2.2, 5; RFC 9110 5)."""

from __future__ import annotations

from tests.wire.table.model import End, Request, Row, Seen, dropped, head, named, post, refused, taken

CONTROLS = [bytes([c]) for c in (*range(32), 127) if c not in b"\0\t\r\n"]
START = b"GET / HTTP/1.1\r\n"


def lines(*text: bytes) -> Request:
    """A request with these field lines, refused."""
    return refused(head(*text))


FOLDED = Row(
    37,
    "obs-fold",
    tuple(
        refused(data)
        for data in (
            head(b"X: y", b" z"),
            head(b"X: y", b"\tz"),
            head(b"X: y", b"  z"),
            head(b"X: y", b" \t z"),
            head(b"X:", b" y"),
            head(b"X: y", b" "),
            head(b"X: y", b"\t"),
            head(b"X: y", b" z", b" z"),
            head(b" z"),
            head(b"X: y", b" Z: z"),
            head(b"X: y", b" Content-Length: 3"),
            head(b"X: y", b" Transfer-Encoding: chunked"),
            head(b"Content-Length:", b" 3"),
            head(b"Transfer-Encoding:", b" chunked"),
            head(b"Transfer-Encoding: chunked", b" , identity"),
            head(b"Host:", b" a", host=None),
            head(b"Host: a", b" b", host=None),
            head(b"Authorization: Bearer", b" foo", target=b"/key"),
            head(b"X: y", b" z", version=b"HTTP/1.0"),
            head(b"Content-Type: multipart/form-data;", b" boundary=x", method=b"POST"),
            START + b"X: y\r\n z\r\nHost: a\r\n\r\n",
        )
    ),
)

SPACE_FIRST = Row(
    38,
    "white space before the first field",
    tuple(
        refused(data)
        for data in (
            START + b" Host: a\r\n\r\n",
            START + b"\tHost: a\r\n\r\n",
            START + b"  Host: a\r\n\r\n",
            START + b" \tHost: a\r\n\r\n",
            START + b" X: y\r\nHost: a\r\n\r\n",
            START + b"\tX: y\r\nHost: a\r\n\r\n",
            START + b" \r\nHost: a\r\n\r\n",
            START + b"\t\r\nHost: a\r\n\r\n",
            START + b" Content-Length: 3\r\nHost: a\r\n\r\nabc",
            START + b" Transfer-Encoding: chunked\r\nHost: a\r\n\r\n0\r\n\r\n",
            START + b" /evil HTTP/1.1\r\nHost: a\r\n\r\n",
            START + b"\x0bHost: a\r\n\r\n",
            START + b"\x0cHost: a\r\n\r\n",
            START + b"\xa0Host: a\r\n\r\n",
            START + b"\x00Host: a\r\n\r\n",
            START + b" \r\n\r\n",
            b"POST / HTTP/1.0\r\n Host: a\r\n\r\n",
        )
    ),
)

SPACE_BEFORE_COLON = Row(
    39,
    "white space before the colon",
    tuple(
        lines(text)
        for text in (
            b"X : y", b"X\t: y", b"X  : y", b"X \t: y", b"X :y", b"X :", b"Content-Length : 3", b"Content-Length\t: 3",
            b"Transfer-Encoding : chunked", b"Transfer-Encoding\t: chunked", b"Transfer-Encoding  : chunked", b"Host : a",
            b"Authorization : Bearer foo", b"Connection : close", b"X\x0b: y", b"X\x0c: y", b"X\xa0: y", b"X\x00: y", b"X\x1f: y",
            b"X\x85: y", b"Transfer-Encoding\x0b: chunked", b"Transfer-Encoding\x00: chunked", b"Content-Length\x0c: 3", b"X\xc2\xa0: y",
            b"Expect : 100-continue", b"X-API-Key : foo",
        )
    ),
)  # fmt: skip

NO_NAME = Row(
    40,
    "empty name, or no colon",
    tuple(
        lines(text)
        for text in (
            b":", b": y", b":y", b"::", b": Content-Length: 3", b":Transfer-Encoding: chunked", b":path: /", b":authority: a",
            b":method: GET", b"X", b"X y", b"X=y", b"X;y", b"GET / HTTP/1.1", b"Content-Length", b"Content-Length 3", b"Content-Length=3",
            b"Transfer-Encoding chunked", b"Transfer-Encoding", b"Host", b"0", b"X-", b"X,", b'"X', b"HTTP/1.1 200 OK", b"{}", b"=",
        )
    ),
)  # fmt: skip

NO_TOKEN = Row(
    41,
    "a name that is no token",
    (
        *(lines(b"X" + bytes([c]) + b"Y: z") for c in b'"(),/;<=>?@[\\]{} '),
        *(lines(b"X" + c + b"Y: z") for c in CONTROLS),
        *(
            lines(text)
            for text in (
                b"X\0Y: z", b"X\x80: y", b"X\xff: y", b"\x80X: y", "é: y".encode(), b"X\xadY: z", b"Transfer\xadEncoding: chunked",
                b"Content-Length\xad: 3", b"Transfer Encoding: chunked", b"Content Length: 3", b"Content-Length\0: 3",
                b"Transfer-Encoding\x01: chunked", b"\x00Content-Length: 3", b"\xef\xbb\xbfHost: a", b'"Content-Length": 3',
                b"(Content-Length): 3", b"[Host]: a", b"Content/Length: 3", b"Content-Length;: 3", "Content\u2010Length: 3".encode(),
                "Content-\u0141ength: 3".encode(), b"Content-Length\x7f: 3",
            )
        ),
    ),
)  # fmt: skip

ALIASES = Row(
    42,
    "names with an underscore or a dot",
    (
        *(
            taken(head(line), Seen(b"/", lacks=(line.partition(b":")[0].decode(), "X-API-Key", "Content-Length")))
            for line in (
                b"X_Y: z", b"_: y", b"_X: y", b"X_: y", b"Content_Length: 3", b"CONTENT_LENGTH: 3", b"Transfer_Encoding: chunked",
                b"transfer_encoding: chunked", b"X_Api_Key: foo", b"X-Api_Key: foo", b"X_Real_IP: 6.6.6.6", b"Proxy_: x", b"__: y",
                b"X_Original_URL: /evil", b"Content_Type: x/y", b"Expect_: 100-continue",
            )
        ),
        taken(head(b"X_Forwarded_For: 6.6.6.6"), Seen(b"/", has=(("X-Forwarded-For", b"127.0.0.1"),), lacks=("X_Forwarded_For",))),
        taken(head(b"X_Forwarded_Proto: https"), Seen(b"/", has=(("X-Forwarded-Proto", b"http"),), lacks=("X_Forwarded_Proto",))),
        taken(head(b"Host_: b"), Seen(b"/", host=b"a", lacks=("Host_",))),
        taken(head(b"Connection: X_Y", b"X-Y: z"), Seen(b"/", has=(("X-Y", b"z"),))),
        taken(
            post(b"Content-Length: 3", b"Content_Length: 30", body=b"abc"),
            Seen(b"/", body=b"abc", has=(("Content-Length", b"3"),), lacks=("Content_Length",)),
        ),
        taken(
            post(b"Transfer-Encoding: chunked", b"Transfer_Encoding: identity", b"Content_Length: 1", body=b"3\r\nabc\r\n0\r\n\r\n"),
            Seen(b"/", body=b"abc", framing="chunked", lacks=("Transfer_Encoding", "Content_Length")),
        ),
        Request("X_API_Key is no key", head(b"X_API_Key: foo", target=b"/key"), (401,)),
        Request("Authorization_ is no key", head(b"Authorization_: Bearer foo", target=b"/key"), (401,)),
        Request("X.API.Key is no key", head(b"X.API.Key: foo", target=b"/key"), (401,)),
        *(
            taken(head(name + b": 3"), Seen(b"/", framing="none", has=((name.decode(), b"3"),)))
            for name in (
                b"Content.Length", b"Transfer.Encoding", b"X.Forwarded.For", b"Content-Length.", b".Content-Length", b"Content~Length",
                b"Content+Length", b"Content!Length", b"ContentLength", b"Content--Length", b"-Content-Length", b"Content-Length-",
                b"Content-Length'", b"Content-Length|", b"Transfer-Encoding^", b"Transfer-Encoding`", b"Content-Lengt", b"Content-Lengths",
            )
        ),
    ),
)  # fmt: skip

NUL = Row(
    43,
    "NUL in a value",
    tuple(
        lines(text)
        for text in (
            b"X: \0", b"X:\0", b"X: y\0", b"X: y\0z", b"X: \0y", b"X: y \0", b"X: y\0 ", b"Content-Length: 3\0", b"Content-Length: \x003",
            b"Content-Length: 3\x000", b"Transfer-Encoding: chunked\0", b"Transfer-Encoding: \0chunked", b"Transfer-Encoding: chu\0nked",
            b"Connection: close\0", b"Connection: \0", b"Authorization: Bearer foo\0", b"X-API-Key: foo\0bar", b"Cookie: a=b\0c",
            b"Expect: 100-continue\0", b"X: y\0\0z", b"X: y\0Transfer-Encoding: chunked",
        )
    ),
)  # fmt: skip

BARE_CR = Row(
    44,
    "bare CR in a value",
    tuple(
        refused(data)
        for data in (
            head(b"X: \ry"), head(b"X: y\rz"), head(b"X: y\r"), head(b"X:\r"), head(b"X: y\r\r"), head(b"X: \r y"), head(b"X: y\r z"),
            head(b"X: y\rTransfer-Encoding: chunked"), head(b"X: y\rContent-Length: 3"), head(b"Content-Length: 3\r"),
            head(b"Content-Length: \r3"), head(b"Transfer-Encoding: \rchunked"), head(b"Transfer-Encoding: chunked\r"),
            head(b"Connection: close\rx"), head(b"Host: a\rb", host=None), head(b"Host: a\r", host=None), head(b"Host\r: a", host=None),
            head(b"\rX: y"), head(b"X\r: y"), head(b"X: y\r\rZ: z"), START + b"Host: a\rX: y\r\n\r\n", START + b"\rHost: a\r\n\r\n",
            head(b"X-API-Key: foo\r", target=b"/key"),
        )
    ),
)  # fmt: skip

BARE_LF = Row(
    45,
    "field line ended by a bare LF",
    tuple(
        refused(data)
        for data in (
            START + b"Host: a\n\r\n",
            START + b"Host: a\nX: y\r\n\r\n",
            START + b"Host: a\r\nX: y\n\r\n",
            START + b"Host: a\r\nX: y\nZ: z\r\n\r\n",
            START + b"Host: a\r\nX:\n\r\n",
            START + b"Host: a\r\nX\n: y\r\n\r\n",
            START + b"Host: a\r\nX: \ny\r\n\r\n",
            START + b"Host: a\n\n",
            START + b"Host: a\nX: y\n\n",
            head(b"X: y\nTransfer-Encoding: chunked"),
            head(b"X: y\nContent-Length: 3"),
            head(b"X: y\nHost: b"),
            head(b"X: y\n z"),
            head(b"X: y\n\tz"),
            head(b"Content-Length: 3\n"),
            head(b"Transfer-Encoding: chunked\n"),
            head(b"Content-Length: \n3"),
            head(b"X: y\n\rZ: z"),
            head(b"\nX: y"),
            head(b"X: y\n\n" + b"GET /evil HTTP/1.1\r\nHost: a"),
            head(b"Content-Length: 3\nX: y", method=b"POST") + b"abc",
        )
    ),
)

TERMINATORS = Row(
    46,
    "odd ends of a head",
    tuple(
        refused(START + b"Host: a\r\n" + end, name=f"the head ends in {end!r}")
        for end in (
            b"\n", b"\n\r\n", b"\r\r\n", b"\rX", b"\r\0\n", b"\r \n", b"\n\n", b" \r\n\r\n", b"\t\r\n\r\n", b"\0\r\n", b"\r\r", b"\r\r\r\n",
            b"\x0b\r\n", b"\x85\r\n", b"\r\rGET /evil HTTP/1.1\r\nHost: a\r\n\r\n", b"\nGET /evil HTTP/1.1\r\nHost: a\r\n\r\n",
        )
    )
    + tuple(
        refused(START + b"Host: a" + end, name=f"the last line ends in {end!r}")
        for end in (b"\n\r\n", b"\n\n", b"\r\r\n\r\n", b"\r\r\n", b"\n\r\n\r", b"\r\x00\n\r\n", b"\n\r\r\n")
    ),
)  # fmt: skip

CONTROLS_IN_VALUE = Row(
    47,
    "another CTL in a value",
    (
        *(lines(b"X: y" + c + b"z") for c in CONTROLS),
        *(lines(b"X: y" + c) for c in (b"\x01", b"\x08", b"\x0b", b"\x0c", b"\x1f", b"\x7f")),
        *(lines(b"X: " + c + b"y") for c in (b"\x01", b"\x08", b"\x0b", b"\x0c", b"\x1f", b"\x7f")),
        lines(b"Content-Length: \x0b3"),
        lines(b"Content-Length: 3\x0c"),
        lines(b"Transfer-Encoding: \x0cchunked"),
        lines(b"X: \x1b[31m"),
        lines(b"Authorization: Bearer foo\x7f"),
    ),
)

OPAQUE = Row(
    48,
    "obs-text in a value",
    (
        *(taken(head(b"X: " + value), Seen(b"/", has=(("X", value),)))
        for value in (
            b"\x80", b"\xff", b"\xe9", b"\xa0", b"\x85", b"y\xa0", b"\xa0y", b"\x85y\x85", bytes(range(0x80, 0x100)), "é".encode(),
            "日本語".encode(), "\u2028".encode(), "\u010d\u010a".encode(), b"\xc0\xaf", b"\xfe\xff", b"y \xe9 z", b"\xef\xbb\xbfy",
        )),
        taken(head(b"Cookie: a=\xe9", b"User-Agent: \xfcber"), Seen(b"/", has=(("Cookie", b"a=\xe9"), ("User-Agent", b"\xfcber")))),
    ),
)  # fmt: skip

TRIMMED = Row(
    49,
    "white space around a value, and no value",
    (
        *(
            taken(head(b"X:" + text), Seen(b"/", has=(("X", value),)))
            for text, value in (
                (b"", b""), (b" ", b""), (b"\t", b""), (b" \t \t", b""), (b"y", b"y"), (b" y", b"y"), (b"\ty", b"y"), (b"y ", b"y"),
                (b"y\t", b"y"), (b"  y  ", b"y"), (b"\t y \t", b"y"), (b" y z ", b"y z"), (b" y\tz", b"y\tz"), (b" y  z", b"y  z"),
                (b" :y", b":y"), (b":", b":"), (b" y: z", b"y: z"), (b' "y "', b'"y "'), (b" , ", b","), (b" " * 1000 + b"y", b"y"),
                (b"y" + b" " * 1000, b"y"), (b' a\\b"c<d>e{f}g', b'a\\b"c<d>e{f}g'),
            )
        ),
        taken(head(b"x-Y-z: 1"), Seen(b"/", has=(("x-Y-z", b"1"),))),
        taken(head(b"X: 1", b"X: 2", b"x: 3"), Seen(b"/"), "repeated fields stay apart"),
        taken(head(b"!#$%&'*+-.^`|~09aZ: y"), Seen(b"/", has=(("!#$%&'*+-.^`|~09aZ", b"y"),))),
    ),
)  # fmt: skip

KEY = b"X-API-Key: foo"
BEARER = b"Authorization: Bearer foo"
SINGLETONS = Row(
    50,
    "fields that may be there once",
    (
        *(
            refused(head(*pair, target=target), 401)
            for pair in (
                (BEARER, BEARER), (BEARER, b"authorization: Bearer foo"), (BEARER, b"Authorization: Bearer bar"),
                (BEARER, b"Authorization:"), (b"Authorization: Basic eDp5", BEARER), (BEARER, b"X: y", BEARER), (BEARER, BEARER, BEARER),
                (KEY, KEY), (KEY, b"x-api-key: bar"), (KEY, b"X-API-KEY:"), (b"X-Api-Key:", KEY),
            )
            for target in (b"/", b"/key")
        ),
        *(
            refused(head(*pair))
            for pair in (
                (b"Content-Type: a/b", b"Content-Type: a/b"), (b"Content-Type: a/b", b"content-type: c/d"),
                (b"Content-Type:", b"Content-Type: a/b"), (b"Content-Type: a/b", b"X: y", b"CONTENT-TYPE: a/b"),
            )
        ),
        refused(post(b"Content-Length: 3", b"Content-Type: a/b", b"Content-Type: c/d", body=b"abc")),
        # One credential in two places: refused by the policy, and where there is none, none of ours.
        Request("two kinds of credentials", head(KEY, BEARER, target=b"/key"), (401,)),
        taken(head(KEY, BEARER), Seen(b"/", has=(("X-API-Key", b"foo"), ("Authorization", b"Bearer foo")))),
        taken(head(KEY, target=b"/key"), Seen(b"/key", lacks=("X-API-Key",))),
        taken(head(BEARER, target=b"/key"), Seen(b"/key", lacks=("Authorization",))),
    ),
)  # fmt: skip


def filler(size: int) -> bytes:
    """A field line of so many bytes."""
    return b"X: " + b"y" * (size - 3)


BIG = Row(
    51,
    "a head that is too big",
    (
        *(
            taken(head(filler(n)), Seen(b"/", has=(("X", b"y" * (n - 3)),)), f"a line of {n} bytes")
            for n in (1024, 8192, 16000, 16384)
        ),
        taken(head(*[filler(1000)] * 60), Seen(b"/"), "a head of 60 kB"),
        taken(head(b"y" * 16000 + b": z"), Seen(b"/", has=(("y" * 16000, b"z"),)), "a name of 16,000 bytes"),
        *(refused(head(filler(n)), 431, f"a line of {n} bytes") for n in (16385, 17000, 65000, 70000, 200000)),
        refused(head(*[filler(1000)] * 66), 431, "a head of 66 kB"),
        refused(head(*[filler(16000)] * 5), 431, "five lines of 16 kB"),
        refused(head(b"y" * 17000 + b": z"), 431, "a name of 17,000 bytes"),
        refused(head(b"X:" + b" " * 17000 + b"y"), 431, "17,000 spaces before a value"),
        refused(head(b"X: y" + b" " * 17000), 431, "17,000 spaces behind a value"),
        refused(head(b"Cookie: " + b"a=b; " * 4000), 431, "a Cookie of 20 kB"),
        refused(head()[:-2] + b"X: " + b"y" * 20000, 431, "a line that does not end"),
        refused(head(target=b"/" + b"a" * 15000)[:-2] + (filler(15000) + b"\r\n") * 4, 431, "a head that does not end"),
    ),
)

MANY = Row(
    52,
    "too many fields",
    (
        *(
            taken(head(*(b"X%d: y" % n for n in range(count - 1))), Seen(b"/"), f"{count} fields")
            for count in (2, 50, 99, 100)
        ),
        *(
            refused(head(*(b"X%d: y" % n for n in range(count - 1))), 431, f"{count} fields")
            for count in (101, 102, 200, 1000, 5000)
        ),
        refused(head(*[b"X:"] * 100), 431, "101 fields, all but one empty"),
        refused(head(*[b"Connection: close"] * 100), 431, "100 times Connection"),
        refused(head(*(b"X%d: y" % n for n in range(100)), version=b"HTTP/1.0"), 431, "101 fields in HTTP/1.0"),
        refused(head(*(b"X_%d: y" % n for n in range(100))), 431, "101 fields of which all but one are dropped"),
    ),
)

FLOOD = Row(
    53,
    "the same name many times",
    (
        *(taken(head(*[b"X: y"] * (n - 1)), Seen(b"/"), f"{n} fields") for n in (10, 100)),
        *(refused(head(*[b"X: y"] * (n - 1)), 431, f"{n} fields") for n in (101, 1000, 10000)),
        taken(head(*[b"Cookie: a=b"] * 90), Seen(b"/"), "90 Cookies"),
        taken(head(*(bytes([65 + n % 26, 97 + n // 26]) + b": y" for n in range(98))), Seen(b"/"), "98 short names"),
        taken(
            head(b"Connection: " + b"x," * 60, *[b"X: y"] * 90), Seen(b"/", lacks=("X",)), "60 nominations of 90 fields"
        ),
    ),
)

WHOLE = post(b"Content-Length: 3", b"X: y", body=b"")
CUT = sorted({1, 3, 4, 5, 6, 10, 14, 15, 16, 20, 22, 25, 30, 40, len(WHOLE) - 3, len(WHOLE) - 2, len(WHOLE) - 1})

ENDED = Row(
    54,
    "a head that is not complete, then the end",
    (
        *(dropped(WHOLE[:n], f"the end after {WHOLE[:n][-8:]!r}") for n in CUT),
        dropped(b"\r\n", "the end after an empty line"),
        dropped(head(target=b"http://a/")[:-2], "absolute-form without the last CRLF"),
    ),
)

SILENT = Row(
    55,
    "a head that is not complete, then silence",
    (
        *(refused(WHOLE[:n], 408, f"silence after {WHOLE[:n][-8:]!r}", End.SILENT) for n in CUT),
        refused(b"\r\n", 408, "silence after an empty line", End.SILENT),
        refused(b"\r\n\r\nG", 408, "silence after two of them and a byte", End.SILENT),
    ),
    {"header_deadline_ms": 150},
)

PLAIN = (
    head(b"Accept: */*", b"User-Agent: x/1", b"X-Trace:\t1 ", target=b"/tasks/1:send?x=%20&y=[1]"),
    post(b"content-length:5", b"CONTENT-TYPE: application/json", target=b"/a/./b/../c", body=b'{"a"}'),
    post(b"Transfer-Encoding: chunked", body=b"3;x=y\r\nabc\r\n002\r\nde\r\n0\r\nT: v\r\n\r\n"),
    head(b"Connection: keep-alive, X-Y", b"X-Y: 1", b"Keep-Alive: timeout=5"),
    head(target=b"http://a:80/b%41?c"),
    b"\r\n\r\n" + head(b"Empty:", b"X: y", b"X: z"),
)
CUTS = Row(
    56,
    "a head that is cut at every byte",
    tuple(
        Request(named(data), data, (200,), seen=(Seen(body=body),))
        for data, body in zip(PLAIN, (b"", b'{"a"}', b"abcde", b"", b"", b""), strict=True)
    ),
)

ROWS = (
    FOLDED, SPACE_FIRST, SPACE_BEFORE_COLON, NO_NAME, NO_TOKEN, ALIASES, NUL, BARE_CR, BARE_LF, TERMINATORS, CONTROLS_IN_VALUE, OPAQUE,
    TRIMMED, SINGLETONS, BIG, MANY, FLOOD, ENDED, SILENT, CUTS,
)  # fmt: skip
