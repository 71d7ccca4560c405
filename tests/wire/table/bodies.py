"""Rows 57 to 69: Content-Length, and bodies that it frames (RFC 9110 8.6, RFC 9112 6)."""

from __future__ import annotations

from tests.wire.table.model import End, Request, Row, Seen, dropped, head, named, post, refused, taken

# A body that would be a request, if anybody took it for one.
EVIL = b"GET /evil HTTP/1.1\r\nHost: a\r\n\r\n"


def length(*values: bytes, body: bytes = b"abc", **parts: bytes) -> Request:
    """A POST with these Content-Length fields, refused."""
    return refused(post(*(b"Content-Length: " + value for value in values), body=body, **parts))


IDENTICAL = Row(
    57,
    "Content-Length repeated, identical",
    tuple(
        refused(data)
        for data in (
            post(b"Content-Length: 3", b"Content-Length: 3", body=b"abc"),
            post(b"Content-Length: 0", b"Content-Length: 0"),
            post(b"Content-Length: 3", b"content-length: 3", body=b"abc"),
            post(b"Content-Length: 3", b"X: y", b"CONTENT-LENGTH: 3", body=b"abc"),
            post(*[b"Content-Length: 3"] * 3, body=b"abc"),
            post(*[b"Content-Length: 3"] * 50, body=b"abc"),
            post(b"Content-Length: 3", b"Content-Length:3", body=b"abc"),
            post(b"Content-Length: 3", b"Content-Length: 3", body=b"abc", version=b"HTTP/1.0"),
            head(b"Content-Length: 0", b"Content-Length: 0"),
            head(b"Content-Length: 0", b"Content-Length: 0", method=b"OPTIONS", target=b"*"),
            post(b"Content-Length: 3", b"Content-Length: 3", b"Connection: content-length", body=b"abc"),
        )
    ),
)

DIFFERENT = Row(
    58,
    "Content-Length repeated, different",
    (
        length(b"3", b"4"),
        length(b"4", b"3"),
        length(b"0", b"3"),
        length(b"3", b"0"),
        length(b"3", b""),
        length(b"", b"3"),
        length(b"3", b"03"),
        length(b"3", b"+3"),
        length(b"3", b"3, 3"),
        length(b"3", b"x"),
        length(b"3", b"30"),
        length(b"0", b"%d" % len(EVIL), body=EVIL),
        length(b"%d" % len(EVIL), b"0", body=EVIL),
        length(b"3", b"4", b"5"),
        length(b"3", b"4", version=b"HTTP/1.0"),
        refused(post(b"Content-Length: 3", b"X: y", b"content-length: 4", body=b"abc")),
        refused(head(b"Content-Length: 0", b"Content-Length: 3") + b"abc"),
    ),
)

LISTS = Row(
    59,
    "a list as Content-Length",
    tuple(
        length(value)
        for value in (
            b"3,3", b"3, 3", b"3 ,3", b"3 , 3", b"3,4", b"3,", b",3", b",", b"3,,3", b"3, ", b"0,3", b"3,0", b"3;3", b"3 3", b"3\t3",
            b"3,3,3", b"3, 3, 3", b"3|3", b"3/3", b"3&3", b"3-3",
        )
    ),
)  # fmt: skip

NO_DIGITS = Row(
    60,
    "Content-Length is no row of digits",
    tuple(
        length(value)
        for value in (
            b"", b" ", b"\t", b"+3", b"-3", b"-0", b"+0", b"0x3", b"0X3", b"3h", b"0b11", b"0o3", b"#3", b"3.0", b"3.", b".3", b"3e0", b"3E0",
            b"3_0", b"1_0", b"'3'", b'"3"', b"(3)", b"3;", b"3;q=1", b"3=", b"a", b"abc", b"three", b"NaN", b"inf", b"null", b"true", b"- 3",
            b"+ 3", b"3 bytes", b"bytes=3", b"3%", b"%33", b"\\3", b"$3", b"*", b"3*", b"3:", b"3/3", b"\xb2", b"\xb3", b"\xbd",
            "\uff13".encode(), "٣".encode(), b"3\xa0", b"\xa03", b"3\x80", b"3\x00", b"3\x0b", b"\x0c3", b"3\x85", b"\xef\xbb\xbf3", b"3\x1f",
            b"3\x7f",
        )
    ),
)  # fmt: skip

ZEROS = Row(
    61,
    "zeros before a length",
    tuple(
        length(value)
        for value in (
            b"03", b"003", b"00", b"000", b"0000000000000003", b"0" * 17 + b"3", b"0" * 30 + b"3", b"0" * 300 + b"3", b"010", b"08", b"09",
        )
    ),
)  # fmt: skip

OVERFLOW = Row(
    62,
    "a length that overflows",
    tuple(
        length(value)
        for value in (
            b"1" + b"0" * 18, b"9223372036854775807", b"9223372036854775808", b"18446744073709551615", b"18446744073709551616",
            b"18446744073709551619", b"36893488147419103235", b"340282366920938463463374607431768211459", b"9" * 19, b"9" * 20, b"9" * 40,
            b"9" * 400, b"1" + b"0" * 100, b"10000000000000000003",
        )
    ),
)  # fmt: skip

PADDED = Row(
    63,
    "white space around a length",
    (
        *(taken(
            post(b"Content-Length:" + text, body=b"abc"),
            Seen(b"/", b"POST", body=b"abc", framing="length", has=(("Content-Length", b"3"),)),
        )
        for text in (
            b"3", b" 3", b"\t3", b"3 ", b"3\t", b" \t3\t ", b"   3   ", b"\t\t3", b" " * 500 + b"3", b"3" + b"\t" * 500,
        )),
        taken(post(b"content-length:3", body=b"abc"), Seen(b"/", body=b"abc", has=(("Content-Length", b"3"),))),
        taken(post(b"CONTENT-LENGTH: 0 "), Seen(b"/", has=(("Content-Length", b"0"),))),
    ),
)  # fmt: skip

FOLDED = Row(
    64,
    "a length that is folded, or whose name is split",
    tuple(
        refused(data + b"abc")
        for data in (
            post(b"Content-Length:\r\n 3"), post(b"Content-Length:\r\n\t3"), post(b"Content-Length: 1\r\n 0"), post(b"Content-Length: 3\r\n "),
            post(b"Content-Length\r\n: 3"), post(b"Content-Length\r\n : 3"), post(b"Content-\r\n Length: 3"), post(b"Content-\r\nLength: 3"),
            post(b"Content-Length\n: 3"), post(b"Content-Length:\n3"), post(b"Content-Length: \r3"), post(b"X: y\r\n Content-Length: 3"),
            post(b"X: y\r\n\tContent-Length: 3"), post(b" Content-Length: 3"),
        )
    ),
)  # fmt: skip


def carried(method: bytes, *lines: bytes, body: bytes, wire: bytes | None = None, target: bytes = b"/") -> Request:
    """A body on a method that has no use for one: framed, forwarded, and never a request."""
    data = post(*lines, method=method, body=body if wire is None else wire, target=target)
    return Request(named(data), data, (200,), seen=(Seen(target, method, body=body),), heads=method == b"HEAD")


WITH_BODY = Row(
    65,
    "a body on a method that has none",
    (
        *(
            carried(method, b"Content-Length: %d" % len(EVIL), body=EVIL)
            for method in (b"GET", b"HEAD", b"DELETE", b"OPTIONS", b"PUT", b"PATCH", b"FOO", b"get")
        ),
        *(
            carried(
                method,
                b"Transfer-Encoding: chunked",
                body=EVIL,
                wire=b"%x\r\n%s\r\n0\r\n\r\n" % (len(EVIL), EVIL),
            )
            for method in (b"GET", b"HEAD", b"DELETE", b"OPTIONS")
        ),
        carried(b"GET", b"Content-Length: 3", body=b"\r\n\r"),
        carried(b"GET", b"Content-Length: 5", body=b"0\r\n\r\n"),
        carried(b"GET", b"Content-Length: 0", body=b""),
        carried(b"HEAD", b"Transfer-Encoding: chunked", body=b"", wire=b"0\r\n\r\n"),
        Request(
            "a GET with a body that is answered here",
            post(b"Content-Length: %d" % len(EVIL), method=b"GET", body=EVIL, target=b"/key"),
            (401,),
        ),
    ),
)

NO_LENGTH = Row(
    66,
    "POST without any framing",
    (
        *(
            taken(head(method=method), Seen(b"/", method, framing="length", has=(("Content-Length", b"0"),)))
            for method in (b"POST", b"PUT", b"PATCH")
        ),
        *(
            taken(
                head(method=method), Seen(b"/", method, framing="none", lacks=("Content-Length", "Transfer-Encoding"))
            )
            for method in (b"GET", b"DELETE", b"OPTIONS", b"post", b"FOO")
        ),
        taken(head(b"Content-Type: a/b", method=b"POST"), Seen(b"/", b"POST", has=(("Content-Length", b"0"),))),
        taken(head(b"Content_Length: 3", method=b"POST"), Seen(b"/", b"POST", has=(("Content-Length", b"0"),))),
        taken(head(b"Content-Length: 0", method=b"POST"), Seen(b"/", b"POST", has=(("Content-Length", b"0"),))),
        taken(
            head(method=b"POST", version=b"HTTP/1.0"), Seen(b"/", b"POST", has=(("Content-Length", b"0"),)), closed=True
        ),
        # What follows is the next request, and here it is none.
        Request(
            "bytes that no framing announces",
            head(method=b"POST") + b"abc: d\r\n\r\n",
            (200, 400),
            closed=True,
            seen=(Seen(b"/", b"POST", has=(("Content-Length", b"0"),)),),
        ),
        Request(
            "a request that no framing announces",
            head(method=b"POST") + head(target=b"/next"),
            (200, 200),
            seen=(Seen(b"/", b"POST", has=(("Content-Length", b"0"),)), Seen(b"/next", b"GET")),
        ),
    ),
)

SHORT = Row(
    67,
    "a body shorter than its length, then the end",
    (
        *(
            dropped(post(b"Content-Length: %d" % size, body=body), f"{len(body)} of {size} bytes, then the end")
            for size, body in ((10, b""), (10, b"a"), (10, b"123456789"), (1, b""), (100000, b"x" * 1000), (len(EVIL) + 1, EVIL))
        ),
        dropped(post(b"Content-Length: 10", method=b"PUT", body=b"abc"), "PUT"),
        dropped(post(b"Content-Length: 10", method=b"GET", body=b"abc"), "GET"),
        dropped(post(b"Content-Length: 10", method=b"DELETE", body=b"abc"), "DELETE"),
        dropped(post(b"Content-Length: 10", version=b"HTTP/1.0", body=b"abc"), "HTTP/1.0"),
        dropped(post(b"Content-Length: 10", b"Connection: close", body=b"abc"), "with Connection: close"),
        dropped(post(b"Content-Length: 999999999999999999", body=b"abc"), "a length that nobody will ever send"),
    ),
)  # fmt: skip

STALLED = Row(
    68,
    "a body that stalls",
    (
        *(
            refused(post(b"Content-Length: %d" % size, body=body), 408, f"{len(body)} of {size} bytes", End.SILENT)
            for size, body in ((10, b""), (10, b"a"), (10, b"123456789"), (1, b""), (100000, b"x" * 1000), (len(EVIL) + 1, EVIL))
        ),
        refused(post(b"Content-Length: 10", method=b"GET", body=b"abc"), 408, "GET", End.SILENT),
        refused(post(b"Content-Length: 10", method=b"PUT", body=b"abc"), 408, "PUT", End.SILENT),
        refused(post(b"Content-Length: 10", version=b"HTTP/1.0", body=b"abc"), 408, "HTTP/1.0", End.SILENT),
    ),
    {"body_idle_ms": 150},
)  # fmt: skip

TOO_LARGE = Row(
    69,
    "a body over the greatest size",
    (
        *(
            taken(post(b"Content-Length: %d" % n, body=b"x" * n), Seen(body=b"x" * n), f"{n} bytes of at most 100")
            for n in (0, 1, 99, 100)
        ),
        *(
            refused(post(b"Content-Length: %d" % n, body=b"x" * min(n, 300)), 413, f"{n} bytes")
            for n in (101, 200, 65536, 65637, 100000, 10**9, 2**31, 2**32 + 3, 10**18 - 1)
        ),
        refused(post(b"Content-Length: 101"), 413, "none of 101 bytes"),
        refused(post(b"Content-Length: 132", body=EVIL + b"x" * 101), 413, "a body that begins like a request"),
        refused(post(b"Content-Length: 101", method=b"GET", body=b"x" * 101), 413, "GET"),
        refused(post(b"Content-Length: 101", version=b"HTTP/1.0", body=b"x" * 101), 413, "HTTP/1.0"),
        refused(post(b"Content-Length: 101", b"Expect: 100-continue"), 413, "with an expectation"),
        taken(
            post(b"Transfer-Encoding: chunked", body=b"64\r\n" + b"x" * 100 + b"\r\n0\r\n\r\n"),
            Seen(body=b"x" * 100),
            "100 bytes in a chunk",
        ),
        *(
            refused(post(b"Transfer-Encoding: chunked", body=body), 413, name)
            for name, body in (
                ("101 bytes in a chunk", b"65\r\n" + b"x" * 101 + b"\r\n0\r\n\r\n"),
                ("101 bytes in two", b"64\r\n" + b"x" * 100 + b"\r\n1\r\nx\r\n0\r\n\r\n"),
                ("110 bytes in tens", b"a\r\n0123456789\r\n" * 11 + b"0\r\n\r\n"),
                ("a chunk that announces more", b"7fffffff\r\n" + b"x" * 200),
            )
        ),
    ),
    {"max_body": 100},
)

ROWS = (
    IDENTICAL,
    DIFFERENT,
    LISTS,
    NO_DIGITS,
    ZEROS,
    OVERFLOW,
    PADDED,
    FOLDED,
    WITH_BODY,
    NO_LENGTH,
    SHORT,
    STALLED,
    TOO_LARGE,
)
