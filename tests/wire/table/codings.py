"""Rows 70 to 79: Transfer-Encoding (RFC 9112 6.1, 6.3, 7)."""

from __future__ import annotations

from tests.wire.table.model import Request, Row, Seen, head, post, refused, taken

CHUNKED = b"Transfer-Encoding: chunked"
LAST = b"0\r\n\r\n"
EVIL = b"GET /evil HTTP/1.1\r\nHost: a\r\n\r\n"


def coded(*lines: bytes, status: int = 400, body: bytes = LAST, **parts: bytes) -> Request:
    """A POST with these field lines, refused."""
    return refused(post(*lines, body=body, **parts), status)


def coding(value: bytes, status: int = 400) -> Request:
    """A POST with this Transfer-Encoding, refused."""
    return coded(b"Transfer-Encoding: " + value, status=status)


BOTH = Row(
    70,
    "Transfer-Encoding and Content-Length",
    (
        coded(CHUNKED, b"Content-Length: 5"),
        coded(b"Content-Length: 5", CHUNKED),
        coded(CHUNKED, b"Content-Length: 0"),
        coded(b"Content-Length: 0", CHUNKED),
        coded(b"Content-Length: 0", CHUNKED, body=LAST + EVIL),
        coded(b"Content-Length: %d" % len(LAST + EVIL), CHUNKED, body=LAST + EVIL),
        coded(CHUNKED, b"content-length: 5"),
        coded(b"transfer-encoding: chunked", b"Content-Length: 5"),
        coded(CHUNKED, b"X: y", b"Content-Length: 5"),
        coded(CHUNKED, b"Content-Length:"),
        coded(CHUNKED, b"Content-Length: x"),
        coded(CHUNKED, b"Content-Length: -1"),
        coded(b"Transfer-Encoding: CHUNKED", b"Content-Length: 5"),
        coded(CHUNKED, b"Content-Length: 5", version=b"HTTP/1.0"),
        coded(CHUNKED, b"Content-Length: 5", b"Connection: content-length"),
        coded(CHUNKED, b"Content-Length: 5", method=b"GET"),
        coded(b"Content-Length: 5", b"Content-Length: 5", CHUNKED),
        coded(b"Content-Length: 5", b"Transfer-Encoding:"),
        coded(b"Content-Length: 5", b"Transfer-Encoding: ,"),
        coded(b"Content-Length: 5", b"Transfer-Encoding: identity", status=501),
        coded(b"Content-Length: 5", b"Transfer-Encoding: xchunked", status=501),
        coded(CHUNKED, b"Content-Length: 5", method=b"OPTIONS", target=b"*"),
    ),
)

SPELT = Row(
    71,
    "chunked in other letters and white space",
    tuple(
        taken(
            post(b"Transfer-Encoding:" + text, body=b"3\r\nabc\r\n" + LAST),
            Seen(b"/", b"POST", body=b"abc", framing="chunked", has=(("Transfer-Encoding", b"chunked"),)),
        )
        for text in (
            b"chunked", b" chunked", b"\tchunked", b" chunked ", b"\t chunked\t", b" CHUNKED", b" Chunked", b" cHuNkEd", b" chunkeD\t",
            b"    chunked    ", b" " * 300 + b"chunked",
        )
    )
    + tuple(
        taken(post(name + b": chunked", body=b"3\r\nabc\r\n" + LAST), Seen(body=b"abc", has=(("Transfer-Encoding", b"chunked"),)))
        for name in (b"transfer-encoding", b"TRANSFER-ENCODING", b"tRaNsFeR-eNcOdInG")
    ),
)  # fmt: skip

UNKNOWN = Row(
    72,
    "an unknown coding, or chunked that is not the last",
    (
        *(
            coding(value, 501)
            for value in (
                b"gzip", b"identity", b"deflate", b"compress", b"br", b"x-gzip", b"xchunked", b"chunkedx", b"chunk", b"chunke", b"x", b"none",
                b"trailers", b"'chunked'", b"chunked-", b"-chunked", b"chunked.", b"*", b"cow", b"gzip, chunked", b"identity, chunked",
                b"gzip,chunked", b"deflate , chunked", b"identity,identity", b"gzip, deflate", b"x, y, z, chunked",
            )
        ),
        *(
            coding(value)
            for value in (
                b"chunked, gzip", b"chunked, identity", b"chunked,identity", b"chunked , x", b"gzip, chunked, gzip", b"CHUNKED, identity",
            )
        ),
        coded(b"Transfer-Encoding: gzip", CHUNKED, status=501),
        coded(CHUNKED, b"Transfer-Encoding: gzip"),
        coded(CHUNKED, b"Transfer-Encoding: identity"),
        coded(b"Transfer-Encoding: identity", CHUNKED, status=501),
        coded(b"Transfer-Encoding: gzip", method=b"GET", body=b"", status=501),
    ),
)  # fmt: skip

TWICE = Row(
    73,
    "chunked twice",
    (
        *(
            coding(value)
            for value in (
                b"chunked, chunked", b"chunked,chunked", b"chunked ,chunked", b"chunked,CHUNKED", b"chunked, gzip, chunked",
                b"chunked, chunked, chunked", b"gzip, chunked, chunked", b"chunked\t,\tchunked",
            )
        ),
        coded(CHUNKED, CHUNKED),
        coded(CHUNKED, b"transfer-encoding: chunked"),
        coded(CHUNKED, b"X: y", CHUNKED),
        coded(CHUNKED, CHUNKED, CHUNKED),
        coded(CHUNKED, b"Transfer-Encoding: CHUNKED", method=b"GET"),
    ),
)  # fmt: skip

PARAMETERS = Row(
    74,
    "parameters of chunked",
    tuple(
        coding(value)
        for value in (
            b"chunked;q=1", b"chunked; q=1", b"chunked ;q=1", b"chunked;", b"chunked ;", b"chunked;a", b"chunked;a=b", b'chunked;a="b"',
            b"chunked;a=b;c=d", b"chunked;q=0", b"chunked; , chunked", b"gzip;q=1, chunked", b"chunked;=", b";chunked", b"chunked;a=chunked",
            b"identity;q=0, chunked", b"x;chunked",
        )
    ),
)  # fmt: skip

EMPTY_MEMBERS = Row(
    75,
    "empty members of the list",
    tuple(
        coding(value)
        for value in (
            b"", b" ", b"\t", b",", b", ", b",,", b",chunked", b", chunked", b"chunked,", b"chunked, ", b"chunked ,", b"chunked,,",
            b",chunked,", b"chunked,,gzip", b"gzip,,chunked", b", , chunked", b"\t,\tchunked", b"chunked,\t",
        )
    ),
)  # fmt: skip

BYTES = Row(
    76,
    "odd bytes around chunked",
    tuple(
        coding(value)
        for value in (
            b"\x0bchunked", b"chunked\x0b", b"\x0cchunked", b"chunked\x0c", b"chunked\x00", b"\x00chunked", b"chun\x00ked", b"\xa0chunked",
            b"chunked\xa0", b"\x85chunked", b"chunked\x80", b"\xffchunked", b"chunked\xff", b"\xef\xbb\xbfchunked", b"chu nked", b"chu\tnked",
            b"chunked chunked", b"chunked gzip", b"identity chunked", b'"chunked"', b'chunked"', b"<chunked>", b"[chunked]", b"(chunked)",
            b"{chunked}", b"chunked:", b":chunked", b"chunked=1", b"=chunked", b"chunked/1", b"chunked\\", b"\\chunked", b"chunked@", b"@chunked",
            b"chunked?", b"chunked\x7f", b"\x1fchunked", b"chunked\x01", b"chunked\x08", "\uff43hunked".encode(), "chun\u212aed".encode(),
            b"chunked\xc2\xa0",
        )
    ),
)  # fmt: skip

HIDDEN = Row(
    77,
    "Transfer-Encoding hidden in another line",
    tuple(
        coded(line)
        for line in (
            b"X: y\nTransfer-Encoding: chunked",
            b"X: y\rTransfer-Encoding: chunked",
            b"X: y\n\rTransfer-Encoding: chunked",
            b"X: y\r\n\tTransfer-Encoding: chunked",
            b"X: y\r\n Transfer-Encoding: chunked",
            b"X: y\r\n\rTransfer-Encoding: chunked",
            b"X: y\r\r\nTransfer-Encoding: chunked",
            b"X: y\0Transfer-Encoding: chunked",
            b"X: y\x0bTransfer-Encoding: chunked",
            b"X:\nTransfer-Encoding: chunked",
            b"X\nTransfer-Encoding: chunked",
            b"X\r\nTransfer-Encoding: chunked",
            b"Transfer-Encoding\r\n: chunked",
            b"Transfer-Encoding:\r\n chunked",
            b"Transfer-Encoding:\n chunked",
            b"Transfer-Encoding:\nchunked",
            b"Transfer-Encoding:\rchunked",
            b"Transfer-Encoding : chunked",
            b"Transfer-Encoding\t: chunked",
            b"Transfer Encoding: chunked",
            b"\x00Transfer-Encoding: chunked",
            b"\x01Transfer-Encoding: chunked",
            b" Transfer-Encoding: chunked",
            b"\tTransfer-Encoding: chunked",
            b"\x0bTransfer-Encoding: chunked",
            b"\xa0Transfer-Encoding: chunked",
            b"\xffTransfer-Encoding: chunked",
            b":Transfer-Encoding: chunked",
            b"Transfer-\nEncoding: chunked",
            b"Transfer-Encoding\0: chunked",
            b"Transfer-Encoding\x85: chunked",
            b"Transfer-Encoding;: chunked",
            b"Transfer-Encoding=chunked",
            b"Transfer-Encoding chunked",
        )
    ),
)

OLD = b"HTTP/1.0"
IN_1_0 = Row(
    78,
    "Transfer-Encoding in HTTP/1.0",
    (
        coded(CHUNKED, version=OLD),
        coded(CHUNKED, b"Connection: keep-alive", version=OLD),
        coded(CHUNKED, b"Connection: close", version=OLD),
        coded(b"Transfer-Encoding: CHUNKED", version=OLD),
        coded(b"Transfer-Encoding: gzip", version=OLD),
        coded(b"Transfer-Encoding: identity", version=OLD),
        coded(b"Transfer-Encoding: gzip, chunked", version=OLD),
        coded(b"Transfer-Encoding:", version=OLD),
        coded(CHUNKED, b"Content-Length: 5", version=OLD),
        coded(b"Content-Length: 5", CHUNKED, version=OLD),
        coded(CHUNKED, version=OLD, method=b"GET"),
        coded(CHUNKED, version=OLD, body=LAST + EVIL),
        coded(CHUNKED, version=OLD, host=b"a", method=b"PUT"),
    ),
)

NOMINATED = Row(
    79,
    "Transfer-Encoding named by Connection",
    (
        *(
            coded(b"Connection: " + value, CHUNKED)
            for value in (
                b"transfer-encoding", b"Transfer-Encoding", b"TRANSFER-ENCODING", b"close, transfer-encoding", b"transfer-encoding, close",
                b"keep-alive,Transfer-Encoding", b"x, transfer-encoding, y", b",transfer-encoding,", b" transfer-encoding ",
            )
        ),
        coded(CHUNKED, b"Connection: transfer-encoding"),
        coded(b"Connection: close", CHUNKED, b"Connection: transfer-encoding"),
        coded(b"Connection: transfer-encoding", b"Content-Length: 5"),
        refused(head(b"Connection: transfer-encoding")),
        coded(b"Connection: transfer-encoding", CHUNKED, version=OLD),
        # The alias is another name, and it frames nothing.
        taken(
            post(b"Connection: transfer_encoding", CHUNKED, body=b"3\r\nabc\r\n" + LAST),
            Seen(body=b"abc", has=(("Transfer-Encoding", b"chunked"),)),
        ),
        taken(
            post(b"Connection: transfer-encodings", CHUNKED, body=b"3\r\nabc\r\n" + LAST),
            Seen(body=b"abc", has=(("Transfer-Encoding", b"chunked"),)),
        ),
    ),
)  # fmt: skip

ROWS = (BOTH, SPELT, UNKNOWN, TWICE, PARAMETERS, EMPTY_MEMBERS, BYTES, HIDDEN, IN_1_0, NOMINATED)
