"""Rows 28 to 36: the Host field (RFC 9112 3.2, RFC 9110 7.2, RFC 3986 3.2)."""

from __future__ import annotations

from tests.wire.table.model import Request, Row, Seen, head, post, refused, taken


def host(value: bytes, **parts: bytes) -> Request:
    """A request with this Host, refused."""
    return refused(head(host=value, **parts))


NONE = Row(
    28,
    "Host is missing",
    tuple(
        refused(data)
        for data in (
            head(host=None),
            head(host=None, target=b"/a?b"),
            head(b"X: y", host=None),
            head(host=None, version=b"HTTP/1.5"),
            head(host=None, target=b"http://a/"),
            head(host=None, target=b"*", method=b"OPTIONS"),
            head(host=None, method=b"POST"),
            post(b"Content-Length: 3", host=None, body=b"abc"),
            post(b"Transfer-Encoding: chunked", host=None, body=b"0\r\n\r\n"),
            head(b"X-Forwarded-Host: a", host=None),
            head(b"X-Host: a", host=None),
            head(b"Forwarded: host=a", host=None),
            head(b"Hos: a", host=None),
            head(b"Hostt: a", host=None),
            head(b"_Host: a", host=None),
            head(b"Host_: a", host=None),
            head(b"Authority: a", host=None),
            head(b"X: Host: a", host=None),
        )
    ),
)

REPEATED = Row(
    29,
    "Host is repeated",
    tuple(
        refused(data)
        for data in (
            head(b"Host: a"),
            head(b"Host: b"),
            head(b"host: a"),
            head(b"HOST: b"),
            head(b"hOsT:a"),
            head(b"Host:"),
            head(b"Host: b", host=b""),
            head(b"Host: a", b"Host: a"),
            head(b"X: y", b"Host: a"),
            head(b"X: y", b"Host: b", b"Z: z"),
            head(b"Host: a", version=b"HTTP/1.0"),
            head(b"Host: b", target=b"http://a/"),
            head(b"Host: a", target=b"http://a/"),
            head(b"Host: a", b"Connection: host"),
            head(b"Host: b", b"X-Forwarded-Host: a"),
            post(b"Content-Length: 3", b"Host: a", body=b"abc"),
            head(b"Host: b", method=b"OPTIONS", target=b"*"),
            head(b"Host: a:80"),
        )
    ),
)

EMPTY = Row(
    30,
    "Host is empty",
    tuple(
        refused(data)
        for data in (
            head(host=b""),
            head(b"Host:", host=None),
            head(b"Host:\t", host=None),
            head(b"Host: \t ", host=None),
            head(b"host:", host=None),
            head(host=b"", version=b"HTTP/1.0"),
            head(host=b"", target=b"http://a/"),
            head(host=b"", target=b"*", method=b"OPTIONS"),
            head(host=b"", method=b"POST"),
            head(b"X-Forwarded-Host: a", host=b""),
            post(b"Content-Length: 3", host=b"", body=b"abc"),
        )
    ),
)

PARTS = Row(
    31,
    "Host with userinfo, path or query",
    tuple(
        host(value)
        for value in (
            b"u@a", b"u:p@a", b"@a", b"a@", b"a@b", b":@a", b"u@a:80", b"a:80@b", b"a/b", b"a/", b"/a", b"//a", b"a/..", b"a?b", b"?a",
            b"a?", b"a#b", b"a#", b"#a", b"http://a", b"http://a/", b"http:a", b"a\\b", b"\\\\a", b"a:80/", b"a:80?x", b"a:80#x", b"a;b",
            b"a&b", b"a/@b", b"a%40b", b"a%2fb", b"a=b", b"[::1]/", b"u@[::1]", b"a/../b",
        )
    ),
)  # fmt: skip

LISTS = Row(
    32,
    "Host is a list",
    tuple(
        host(value)
        for value in (
            b"a,b", b"a, b", b"a ,b", b"a b", b"a\tb", b"a;b", b"a,", b",a", b",", b"a, a", b"a:80,b:80", b"a|b", b"a,b,c", b"a;", b"a  b",
            b"[::1],a", b"a [::1]", b"a&b",
        )
    ),
)  # fmt: skip

BYTES = Row(
    33,
    "bad bytes in Host",
    (
        *(host(b"a" + bytes([c]) + b"b") for c in b"!\"#$&'()*+/;<=>?@\\^`{|}%"),
        *(host(b"a" + bytes([c]) + b"b") for c in (0, 1, 8, 11, 12, 27, 31, 127, 128, 0xA0, 0xE9, 0xFF)),
        *(
            host(value)
            for value in (
                "é".encode(), "a\u3002b".encode(), "a\uff0eb".encode(), "\u200ba".encode(), b"%61", b"a%2e", b"a%00", b"*", b"*.a", b"<a>",
                b'"a"', b"'a'", b"(a)", b"{a}", b"$a", b"\xef\xbb\xbfa", b"a\x00", b"\x00a", b"\x85a", b"a\xa0", b"a\r", b"-\x7f",
            )
        ),
    ),
)  # fmt: skip

PORTS = Row(
    34,
    "bad port in Host",
    tuple(
        host(value)
        for value in (
            b"a:", b"a:b", b"a:99999", b"a:65536", b"a:100000", b"a:4294967376", b"a:18446744073709551696", b"a:-1", b"a:+80", b"a:0",
            b"a:00", b"a:080", b"a:00080", b"a:000080", b"a: 80", b"a :80", b"a:8 0", b"a:80a", b"a:a80", b"a:0x50", b"a:80:80", b"a::80",
            b":80", b":", b"::", b"a:80.", b"a:8.0", b"a:80,", b"a:1e2", b"a:\xb2", b"a:%38", b"a:http", b"[::1]:", b"[::1]:x",
            b"[::1]:65536", b"[::1]:0", b"[::1]::80", b"127.0.0.1:", b"127.0.0.1:x", b"a.:",
        )
    ),
)  # fmt: skip

LITERALS = Row(
    35,
    "IP literals in Host",
    (
        *(
            taken(head(host=value), Seen(b"/", host=value, has=(("X-Forwarded-Host", value),)))
            for value in (
                b"[::1]", b"[::1]:80", b"[::]", b"[2001:db8::1]", b"[2001:DB8::A]:8080", b"[1:2:3:4:5:6:7:8]", b"[::ffff:1.2.3.4]",
                b"[1::]", b"[fe80::1]", b"[::1]:65535", b"127.0.0.1", b"127.0.0.1:8080", b"1.2.3.4:1",
            )
        ),
        *(
            host(value)
            for value in (
                b"[::1", b"::1]", b"::1", b"[", b"]", b"[]", b"[]:80", b"[:]", b"[:::]", b"[::1]a", b"[::1].", b"a[::1]", b"[::1]]",
                b"[[::1]]", b"[::1][::2]", b"[1.2.3.4]", b"[a]", b"[localhost]", b"[::g]", b"[1:2:3:4:5:6:7]", b"[1:2:3:4:5:6:7:8:9]",
                b"[1::2::3]", b"[12345::1]", b"[::1.2.3]", b"[::1.2.3.256]", b"[::1.2.3.4.5]", b"[1.2.3.4::]", b"[fe80::1%25eth0]",
                b"[fe80::1%eth0]", b"[fe80::1%]", b"[v1.a]", b"[v7.:]", b"[ ::1]", b"[::1 ]", b"[::1\x00]", b"[" + b":" * 60 + b"]",
                b"[::1]80", b"[1:2]", b"[1:2:3]", b"(::1)", b"{::1}", b"1:2:3:4:5:6:7:8",
            )
        ),
    ),
)  # fmt: skip


def routed(value: bytes) -> Request:
    """Taken by the listener for example.com, which wants a key; forwarded unchanged where the key is there."""
    return Request(f"{value!r} is example.com", head(host=value), (401,))


SPELLINGS = Row(
    36,
    "letter case and trailing dot of Host",
    (
        *(
            routed(value)
            for value in (
                b"example.com", b"EXAMPLE.COM", b"Example.Com", b"eXAMPLE.cOM", b"example.com.", b"EXAMPLE.com.", b"example.com:80",
                b"Example.com.:8080",
            )
        ),
        *(
            taken(
                head(b"X-API-Key: foo", host=value),
                Seen(b"/", host=value, has=(("X-Forwarded-Host", value),), lacks=("X-API-Key",)),
            )
            for value in (b"EXAMPLE.COM", b"Example.Com.", b"example.com.:8080", b"eXample.com:81")
        ),
        *(
            taken(head(host=value), Seen(b"/", host=value))
            for value in (
                b"example.com.a", b"aexample.com", b"example-com", b"example_com", b"a.example.com",
                b"com", b"example", b"A", b"a.",
            )
        ),
        *(host(value) for value in (b".", b".:80", b"..", b"a..", b".a", b"a..b", b"..:80", b"example.com..", b".example.com")),
    ),
    hostname="example.com",
)  # fmt: skip

ROWS = (NONE, REPEATED, EMPTY, PARTS, LISTS, BYTES, PORTS, LITERALS, SPELLINGS)
