"""Rows 1 to 27: the request line (RFC 9112 2.2, 2.3, 3)."""

from __future__ import annotations

from tests.wire.table.model import Request, Row, Seen, head, post, refused, taken

GET = head()
CONTROLS = [bytes([c]) for c in (*range(32), 127) if c not in b"\r\n"]
EXCLUDED = [bytes([c]) for c in b'"<>\\^`{|}#']


def line(text: bytes, end: bytes = b"\r\n") -> bytes:
    """A request with this request line."""
    return text + end + b"Host: a\r\n\r\n"


def target(text: bytes, **parts: bytes) -> Request:
    """A request with this target, refused."""
    return refused(head(target=text, **parts))


EMPTY_LINES = Row(
    1,
    "empty lines before the request line",
    (
        *(taken(b"\r\n" * n + GET, Seen(b"/")) for n in range(1, 5)),
        taken(b"\r\n" + post(b"Content-Length: 3", body=b"abc"), Seen(b"/", b"POST", body=b"abc")),
        *(refused(b"\r\n" * n + GET) for n in (5, 6, 100)),
        *(
            refused(start + GET)
            for start in (
                b"\n", b"\n\n", b"\r\n\n", b"\n\r\n", b"\r", b"\r\r\n", b"\r\n\r", b" \r\n", b"\r\n \r\n", b"\t\r\n",
                b"\0\r\n", b"\0", b"\r\n\0", b"\x0b", b"\x0c\r\n", b"\x85", b"\xef\xbb\xbf", b" ", b"\r\n ",
            )
        ),
    ),
)  # fmt: skip

BARE_LF = Row(
    2,
    "request line ended by a bare LF",
    tuple(
        refused(data)
        for data in (
            line(b"GET / HTTP/1.1", b"\n"),
            line(b"GET / HTTP/1.1", b"\n\r"),
            line(b"GET / HTTP/1.1", b"\n\r\n"),
            line(b"GET / HTTP/1.1", b"\n\n"),
            GET.replace(b"\r\n", b"\n"),
            line(b"GET / HTTP/1.0", b"\n"),
            line(b"GET http://a/ HTTP/1.1", b"\n"),
            line(b"POST /?x=y HTTP/1.1", b"\n"),
            b"\r\n" + line(b"GET / HTTP/1.1", b"\n"),
            line(b"GET /\nX HTTP/1.1"),
            line(b"GET\n / HTTP/1.1"),
            line(b"GET /\n HTTP/1.1"),
            line(b"\nGET / HTTP/1.1"),
            b"GET / HTTP/1.1\nHost: a\r\nContent-Length: 40\r\n\r\nGET /evil HTTP/1.1\r\nHost: a\r\nX: 1234\r\n\r\n",
        )
    ),
)

BARE_CR = Row(
    3,
    "bare CR in the request line",
    tuple(
        refused(data)
        for data in (
            line(b"GET /\r HTTP/1.1"),
            line(b"GET\r / HTTP/1.1"),
            line(b"GET \r/ HTTP/1.1"),
            line(b"GET / \rHTTP/1.1"),
            line(b"GET / HTTP/1.1\r"),
            line(b"GET / HTTP/1.1", b"\r"),
            line(b"GET / HTTP/1.1", b"\r\r"),
            line(b"GET / HTTP/1.1", b"\rX: y\r\n"),
            line(b"GET\r/\rHTTP/1.1"),
            line(b"GET /\rHTTP/1.1"),
            line(b"GET\r/ HTTP/1.1"),
            line(b"\rGET / HTTP/1.1"),
            line(b"G\rET / HTTP/1.1"),
            line(b"GET /a\rb HTTP/1.1"),
            line(b"GET /?a\rb HTTP/1.1"),
            line(b"GET / HTTP\r/1.1"),
            line(b"GET / HTTP/1\r.1"),
            line(b"GET / HTTP/1.1 \r"),
            line(b"GET /\rX-Evil: 1 HTTP/1.1"),
            GET.replace(b"\r\n", b"\r"),
        )
    ),
)

SEPARATORS = Row(
    4,
    "extra or wrong white space between its parts",
    tuple(
        refused(line(text))
        for text in (
            b"GET  / HTTP/1.1", b"GET /  HTTP/1.1", b"GET  /  HTTP/1.1", b"GET   / HTTP/1.1", b"GET\t/ HTTP/1.1",
            b"GET /\tHTTP/1.1", b"GET\t/\tHTTP/1.1", b"GET \t/ HTTP/1.1", b"GET\t / HTTP/1.1", b"GET / \tHTTP/1.1",
            b"GET / HTTP/1.1 ", b"GET / HTTP/1.1\t", b"GET / HTTP/1.1  ", b" GET / HTTP/1.1", b"\tGET / HTTP/1.1",
            b"GET\x0b/ HTTP/1.1", b"GET\x0c/ HTTP/1.1", b"GET /\x0bHTTP/1.1", b"GET /\x0cHTTP/1.1", b"GET\xa0/ HTTP/1.1",
            b"GET\xc2\xa0/ HTTP/1.1", b"GET\x00/ HTTP/1.1", b"GET\x1f/ HTTP/1.1", b"GET\x85/ HTTP/1.1", b"GET+/ HTTP/1.1",
            b"GET / HTTP/1.1 X", b"GET / X HTTP/1.1", b"GET / HTTP/1.1 HTTP/1.1", b"GET / HTTP/1.1, HTTP/1.0",
        )
    ),
)  # fmt: skip

SIMPLE = Row(
    5,
    "HTTP/0.9 simple request",
    tuple(
        refused(data)
        for data in (
            b"GET /\r\n", b"GET /\n", b"GET / \r\n", b"GET /\r\n\r\n", b"GET /\n\n", b"GET\r\n", b"GET \r\n", b"POST /\r\n\r\n",
            b"GET http://a/\r\n", b"GET /index.html\r\nHost: a\r\n\r\n", b"HEAD /\r\n", b"GET /?a\r\n", b"get /\r\n", b"GET *\r\n",
            b"GET / HTTP/\r\n\r\n", b"GET / 0.9\r\n\r\n",
        )
    ),
)  # fmt: skip

MISSING = Row(
    6,
    "a part is missing",
    tuple(
        refused(line(text))
        for text in (
            b"/ HTTP/1.1", b" / HTTP/1.1", b"GET HTTP/1.1", b"GET  HTTP/1.1", b"GET /", b"GET / ", b"GET", b"GET ", b"HTTP/1.1",
            b" HTTP/1.1", b"/", b" ", b"GET /HTTP/1.1", b"GET/ HTTP/1.1", b"GET/HTTP/1.1", b"GET http://a/", b"Host: a",
            b"OPTIONS HTTP/1.1", b"OPTIONS *",
        )
    ),
)  # fmt: skip

NO_TOKEN = Row(
    7,
    "the method is no token",
    tuple(
        refused(line(text + b" / HTTP/1.1"))
        for text in (
            *(b"G" + bytes([c]) + b"T" for c in b'"(),/:;<=>?@[\\]{}'),
            *(b"G" + c + b"T" for c in CONTROLS),
            b"G\x80T", b"G\xffT", b"G\xc3\x89T", b"\x7fGET", b"GET\x80", b'"GET"', b"GET:", b"GET,", b"[GET]", b"{}", b"GET/",
        )
    ),
)  # fmt: skip

METHODS = Row(
    8,
    "lower-case or unknown method",
    (
        *(
            taken(head(method=method), Seen(b"/", method))
            for method in (
                b"get", b"Get", b"gET", b"post", b"FOO", b"GETS", b"GE", b"G", b"PROPFIND", b"M-SEARCH", b"QUERY", b"BREW",
                b"PRI", b"LOCK", b"connect", b"Connect", b"trace", b"options", b"head", b"!#$%&'*+-.^_`|~", b"0", b"GET-",
                b"A" * 64, b"PATCH", b"PURGE", b"BAN", b"SOURCE", b"DEBUG", b"TRACK",
            )
        ),
        taken(post(b"Content-Length: 3", method=b"foo", body=b"abc"), Seen(b"/", b"foo", body=b"abc", framing="length")),
        taken(post(b"Transfer-Encoding: chunked", method=b"get", body=b"3\r\nabc\r\n0\r\n\r\n"), Seen(b"/", b"get", body=b"abc")),
    ),
)  # fmt: skip

SPACE_IN_TARGET = Row(
    9,
    "SP inside the target",
    tuple(
        target(text)
        for text in (
            b"/a b", b"/ a", b"/a ", b"/a  b", b"/?q=a b", b"/? ", b"/a b c d", b"http://a/ b", b"http:// a/", b"http://a /",
            b"/a HTTP/1.1", b"/ HTTP/1.0", b"/\xa0", b"* ", b"/%20 ", b"/.. /a",
        )
    ),
)  # fmt: skip

CONTROLS_IN_TARGET = Row(
    10,
    "CTL, NUL or DEL in the target",
    (
        *(target(b"/a" + c + b"b") for c in CONTROLS),
        *(target(b"/?a" + c) for c in (b"\0", b"\t", b"\x1f", b"\x7f")),
        *(target(b"http://a" + c + b"/") for c in (b"\0", b"\t", b"\x7f")),
        *(target(c) for c in (b"\0", b"/\0", b"\0/", b"/\x7f", b"/\x08", b"/\x1b[31m")),
    ),
)

NON_ASCII = Row(
    11,
    "raw non-ASCII in the target",
    tuple(
        target(text)
        for text in (
            *(b"/" + bytes([c]) for c in (0x80, 0x85, 0x8D, 0xA0, 0xAD, 0xC0, 0xE9, 0xFE, 0xFF)),
            "/é".encode(), "/日本".encode(), "/\u0120".encode(), "/\u010d\u010a".encode(), "/\u2028".encode(), "/\u200b".encode(),
            "/\uff0fa".encode(), "/\uff0e\uff0e/a".encode(), b"/\xc0\xaf", b"/\xc0\xae\xc0\xae/a", b"/\xe0\x80\xaf", "/?q=é".encode(),
            "/?\uff06".encode(), "http://a/é".encode(), "http://é/".encode(), b"\xef\xbb\xbf/", b"\xe9",
        )
    ),
)  # fmt: skip

EXCLUDED_IN_TARGET = Row(
    12,
    "ASCII that no URI holds, and fragments",
    (
        *(target(b"/a" + c + b"b") for c in EXCLUDED),
        *(target(b"/?a" + c + b"b") for c in EXCLUDED),
        *(target(b"http://a" + c + b"b/") for c in EXCLUDED),
        *(
            target(text)
            for text in (
                b"/#", b"/#a", b"#", b"/a#b?c", b"/?#", b"http://a/#a", b"http://a#", b"/\\", b"\\", b"/..\\a", b"/a\\..\\b",
                b"/<script>", b"/{id}", b"/|", b"/^", b"/`id`", b'/"', b"/${jndi:ldap://x}",
            )
        ),
    ),
)  # fmt: skip

NO_FORM = Row(
    13,
    "the target is in no form",
    tuple(
        target(text)
        for text in (
            b"a", b"a/b", b"?q", b"?", b"..", b".", b"./a", b"../a", b"*a", b"**", b"*/a", b"*?a", b"a*", b"http:/a", b"http:a",
            b"http//a", b"http:", b"http", b":", b"://a/", b"@a/", b"%2f", b"%2Fa", b"&", b"=", b";", b"-", b"index.html", b"()",
            b"a=b", b"localhost", b"$", b"[", b"]",
        )
    ),
)  # fmt: skip

SAME_HOST = Row(
    14,
    "absolute-form, same host",
    (
        *(
            taken(head(target=text, host=host), Seen(wanted, host=authority, has=(("X-Forwarded-Host", authority),)))
            for text, host, wanted, authority in (
                (b"http://a/", b"a", b"/", b"a"),
                (b"http://a", b"a", b"/", b"a"),
                (b"http://a/b?c", b"a", b"/b?c", b"a"),
                (b"http://a?x=y", b"a", b"/?x=y", b"a"),
                (b"HTTP://a/", b"a", b"/", b"a"),
                (b"hTTp://a/b", b"a", b"/b", b"a"),
                (b"http://A/", b"a", b"/", b"A"),
                (b"http://a/", b"A", b"/", b"a"),
                (b"http://a:8080/x", b"a:8080", b"/x", b"a:8080"),
                (b"http://[::1]/", b"[::1]", b"/", b"[::1]"),
                (b"http://[::1]:81/", b"[::1]:81", b"/", b"[::1]:81"),
                (b"http://127.0.0.1/", b"127.0.0.1", b"/", b"127.0.0.1"),
                (b"http://a/b/../c", b"a", b"/c", b"a"),
                (b"http://a//b", b"a", b"/b", b"a"),
                (b"http://a/@b", b"a", b"/@b", b"a"),
                (b"http://a/http://b/", b"a", b"/http:/b/", b"a"),
                (b"http://a/?http://b/", b"a", b"/?http://b/", b"a"),
            )
        ),
        taken(
            post(b"Content-Length: 3", target=b"http://a/b", body=b"abc"),
            Seen(b"/b", b"POST", b"a", b"abc", has=(("Content-Length", b"3"),)),
        ),
        taken(head(target=b"http://a/b", version=b"HTTP/1.0", host=None), Seen(b"/b", host=b"a"), closed=True),
    ),
)

OTHER_HOST = Row(
    15,
    "absolute-form, another Host",
    (
        *(
            refused(head(target=text, host=host))
            for text, host in (
                (b"http://b/", b"a"),
                (b"http://b", b"a"),
                (b"http://a.b/", b"a"),
                (b"http://b.a/", b"a"),
                (b"http://a/", b"a.b"),
                (b"http://a/", b"ab"),
                (b"http://ab/", b"a"),
                (b"http://a:81/", b"a"),
                (b"http://a/", b"a:81"),
                (b"http://a:80/", b"a:81"),
                (b"http://a:8080/", b"a:80"),
                (b"http://a:443/", b"a"),
                (b"http://[::1]/", b"[::2]"),
                (b"http://127.0.0.1/", b"localhost"),
                (b"http://a/", b""),
                (b"http://a/", b"a/"),
                (b"http://a/", b"u@a"),
                (b"http://a/", b"a,b"),
                (b"http://a@b/", b"a"),
                (b"http://a/", b"a:"),
            )
        ),
        # The same authority in two spellings (RFC 9110 4.2.3: the default port, letter case) is one host.
        taken(head(target=b"http://a:80/"), Seen(b"/", host=b"a:80")),
        taken(head(target=b"http://a/", host=b"a:80"), Seen(b"/", host=b"a")),
        taken(head(target=b"http://A:80/x", host=b"a"), Seen(b"/x", host=b"A:80")),
        taken(head(target=b"http://[::A]:80/", host=b"[::a]"), Seen(b"/", host=b"[::A]:80")),
        taken(head(target=b"http://a./"), Seen(b"/", host=b"a.")),
    ),
)

SCHEMES = Row(
    16,
    "absolute-form, odd scheme",
    tuple(
        target(text)
        for text in (
            b"https://a/", b"HTTPS://a/", b"https://a", b"ftp://a/", b"ws://a/", b"wss://a/", b"file:///etc/passwd", b"file://a/",
            b"javascript:alert(1)", b"data:,a", b"urn:a", b"mailto:a", b"about:blank", b"http+unix://a/", b"httpx://a/", b"xhttp://a/",
            b"h://a/", b"gopher://a/", b"unix:/a", b"unix:a", b"ldap://a/", b"http:://a/", b"http:///a/", b"http:\\\\a/",
            b"view-source:http://a/", b"http-://a/", b"ht%74p://a/",
        )
    ),
)  # fmt: skip

USERINFO = Row(
    17,
    "userinfo in the authority",
    (
        *(
            refused(head(target=text, host=host))
            for text, host in (
                (b"http://u@a/", b"a"),
                (b"http://u:p@a/", b"a"),
                (b"http://@a/", b"a"),
                (b"http://:@a/", b"a"),
                (b"http://u@a/", b"u@a"),
                (b"http://u:p@a/", b"u:p@a"),
                (b"http://a@b/", b"b"),
                (b"http://a:80@b/", b"b"),
                (b"http://a:80@b/", b"a:80"),
                (b"http://a%40b/", b"a"),
                (b"http://a@/", b"a"),
                (b"http://u@a:80/", b"a:80"),
                (b"http://u@[::1]/", b"[::1]"),
                (b"http://a@b@c/", b"c"),
                (b"http://a@b", b"b"),
                (b"http://u@a?x", b"a"),
            )
        ),
    ),
)

EMPTY_AUTHORITY = Row(
    18,
    "empty authority",
    tuple(
        refused(head(target=text, host=host))
        for text in (b"http:///", b"http://", b"http:///a", b"http://?q", b"http://:80/", b"http://:/", b"http:////a/", b"http://./")
        for host in (b"a", b"", b":80")
    ),
)  # fmt: skip

AUTHORITY_FORM = Row(
    19,
    "authority-form without CONNECT",
    tuple(
        target(text, method=method)
        for text in (b"a:80", b"a:443", b"[::1]:80", b"a.b:80", b"127.0.0.1:80", b"a:", b"a:80/")
        for method in (b"GET", b"POST", b"OPTIONS")
    ),
)

CONNECT = Row(
    20,
    "CONNECT to a reverse proxy",
    (
        *(
            refused(head(target=text, method=b"CONNECT"), 405)
            for text in (
                b"a:443", b"a:80", b"a", b"/", b"http://a/", b"*", b"b:22", b"[::1]:443", b"127.0.0.1:6379", b"a:0", b"/../",
                b"169.254.169.254:80",
            )
        ),
        refused(head(target=b"a:443", method=b"CONNECT", host=b"a:443"), 405),
        refused(head(target=b"a:443", method=b"CONNECT", version=b"HTTP/1.0"), 405),
        refused(head(target=b"a:443", method=b"CONNECT", version=b"HTTP/1.0", host=None), 405),
        refused(head(b"Content-Length: 3", target=b"a:443", method=b"CONNECT") + b"abc", 405),
        refused(head(target=b"a:443", method=b"CONNECT") + b"\x16\x03\x01\x02\x00\x01", 405),
        refused(head(target=b"a:443", method=b"CONNECT") + head(target=b"/evil"), 405),
        refused(head(b"Upgrade: websocket", b"Connection: upgrade", target=b"a:443", method=b"CONNECT"), 405),
        refused(head(b"Transfer-Encoding: chunked", target=b"a:443", method=b"CONNECT") + b"0\r\n\r\n", 405),
    ),
)  # fmt: skip


def local(data: bytes) -> Request:
    """Answered here, and the connection stays."""
    return Request(f"answered here: {data[:40]!r}", data, (200,))


ASTERISK = Row(
    21,
    "asterisk-form",
    (
        local(head(method=b"OPTIONS", target=b"*")),
        local(head(b"Content-Length: 0", method=b"OPTIONS", target=b"*")),
        local(head(b"Max-Forwards: 0", method=b"OPTIONS", target=b"*")),
        local(head(method=b"OPTIONS", target=b"http://a")),
        local(post(b"Content-Length: %d" % len(GET), method=b"OPTIONS", target=b"*", body=GET)),
        local(post(b"Transfer-Encoding: chunked", method=b"OPTIONS", target=b"*", body=b"3\r\nabc\r\n0\r\n\r\n")),
        taken(head(method=b"OPTIONS", target=b"/*"), Seen(b"/*", b"OPTIONS")),
        taken(head(method=b"OPTIONS", target=b"http://a/"), Seen(b"/", b"OPTIONS")),
        *(
            target(b"*", method=method)
            for method in (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"PATCH", b"options", b"FOO", b"PRI")
        ),
        *(target(text, method=b"OPTIONS") for text in (b"**", b"*?a", b"*/", b"*#", b"%2a", b"*%20", b"*:80", b"*@a")),
    ),
)  # fmt: skip


def long(path: int, query: int = 0) -> bytes:
    """A target of so many bytes."""
    return b"/" + b"a" * (path - 1) + (b"?" + b"q" * (query - 1) if query else b"")


LONG = Row(
    22,
    "over-long target",
    (
        *(taken(head(target=long(n)), Seen(long(n)), f"a path of {n} bytes") for n in (2048, 4096, 7999, 8000, 16000)),
        *(taken(head(target=long(1, n)), Seen(long(1, n)), f"a query of {n} bytes") for n in (7999, 15000)),
        taken(head(target=b"/a" * 4000), Seen(b"/a" * 4000), "4,000 segments"),
        taken(head(target=b"/%41" * 2000), Seen(b"/A" * 2000), "4,000 segments that are decoded"),
        taken(head(target=b"http://a" + long(7900)), Seen(long(7900)), "absolute-form"),
        *(refused(head(target=long(n)), 414, f"a path of {n} bytes") for n in (16385, 17000, 40000, 70000)),
        refused(head(target=long(1, 17000)), 414, "a query of 17000 bytes"),
        refused(head(target=long(9000, 9000)), 414, "path and query of 9000 bytes each"),
        refused(head(target=b"http://a" + long(17000)), 414, "absolute-form of 17000 bytes"),
        refused(b"GET " + long(20000), 414, "a line that does not end"),
        refused(head(method=b"G" * 17000), 414, "a method of 17000 bytes"),
        refused(head(target=long(17000), method=b"POST", version=b"HTTP/1.0"), 414, "POST in HTTP/1.0"),
    ),
)

MINOR = Row(
    23,
    "higher minor version",
    (
        *(taken(head(version=b"HTTP/1.%d" % n), Seen(b"/")) for n in range(2, 10)),
        taken(head(b"Connection: close", version=b"HTTP/1.2"), Seen(b"/"), closed=True),
        taken(
            post(b"Transfer-Encoding: chunked", version=b"HTTP/1.9", body=b"3\r\nabc\r\n0\r\n\r\n"),
            Seen(b"/", body=b"abc"),
        ),
        refused(head(version=b"HTTP/1.2", host=None)),
    ),
)

MAJOR = Row(
    24,
    "unsupported major version",
    tuple(
        refused(head(version=version), 505)
        for version in (
            b"HTTP/2.0", b"HTTP/2.1", b"HTTP/3.0", b"HTTP/0.9", b"HTTP/0.0", b"HTTP/0.1", b"HTTP/4.0", b"HTTP/5.5", b"HTTP/7.3",
            b"HTTP/9.9",
        )
    ),
)  # fmt: skip

VERSIONS = Row(
    25,
    "malformed version",
    tuple(
        refused(head(version=version))
        for version in (
            b"http/1.1", b"Http/1.1", b"HTTp/1.1", b"hTTP/1.1", b"HTTP/1.10", b"HTTP/1.01", b"HTTP/01.1", b"HTTP/11.1", b"HTTP/1",
            b"HTTP/1.", b"HTTP/.1", b"HTTP/", b"HTTP", b"HTTP/1,1", b"HTTP/1:1", b"HTTP/1-1", b"HTTP/1.1.1", b"HTTP/1..1", b"HTTP 1.1",
            b"HTTP/ 1.1", b"HTTP /1.1", b"HTTP/1 .1", b"HTTP/1. 1", b"HTTP/\t1.1", b"HTTP/1.1a", b"HTTP/1.1\0", b"HTTP/1.1;", b"HTTP/1.1,",
            b"HTTPS/1.1", b"HTTP/a.b", b"HTTP/1.x", b"HTTP/x.1", b"HTTP/-1.1", b"HTTP/+1.1", b"HTTP/1.-1", b"HTTP\\1.1", b"HTTP//1.1",
            b"HTP/1.1", b"HTTTP/1.1", b"XHTTP/1.1", b"ICY/1.1", b"RTSP/1.0", b"SIP/2.0", b"HTCPCP/1.0", b"SHTTP/1.3", b"1.1", b"/1.1",
            b"HTTP/0x1.1", b"HTTP/\xb9.1", b"HTTP/1.\xb9", "HTTP/1.\uff11".encode(), b"HTTP/2", b"HTTP/3", b"HTTP/1.1%20", b"ABCD/1.1",
            b"HTTP/1.1HTTP/1.1",
        )
    ),
)  # fmt: skip

OLD = b"HTTP/1.0"
OLD_CLIENTS = Row(
    26,
    "HTTP/1.0 request",
    (
        taken(head(version=OLD), Seen(b"/", host=b"a"), closed=True),
        taken(head(version=OLD, host=None), Seen(b"/", host=b""), closed=True),
        taken(head(b"Connection: close", version=OLD), closed=True),
        taken(head(b"Connection: keep-alive", version=OLD), Seen(b"/")),
        taken(head(b"Connection: Keep-Alive", version=OLD), Seen(b"/")),
        taken(head(b"connection: KEEP-ALIVE", version=OLD), Seen(b"/")),
        taken(head(b"Connection: x, keep-alive", version=OLD), Seen(b"/")),
        taken(head(b"Connection: keep-alive", version=OLD, host=None), Seen(b"/", host=b"")),
        taken(head(b"Connection: keep-alive, close", version=OLD), closed=True),
        taken(head(b"Connection: keep-alive", b"Connection: close", version=OLD), closed=True),
        taken(head(b"Keep-Alive: 300", version=OLD), Seen(b"/", lacks=("Keep-Alive",)), closed=True),
        taken(head(b"Proxy-Connection: keep-alive", version=OLD), Seen(b"/", lacks=("Proxy-Connection",)), closed=True),
        taken(head(b"Connection: keep-alivex", version=OLD), closed=True),
        taken(head(b"Expect: 100-continue", version=OLD), Seen(b"/", lacks=("Expect",)), closed=True),
        taken(head(target=b"/chunked", version=OLD), Seen(b"/chunked"), closed=True),
        taken(head(b"Connection: keep-alive", target=b"/chunked", version=OLD), Seen(b"/chunked"), closed=True),
        taken(post(b"Content-Length: 3", version=OLD, body=b"abc"), Seen(b"/", b"POST", body=b"abc"), closed=True),
        taken(
            post(b"Content-Length: 3", b"Connection: keep-alive", version=OLD, body=b"abc"),
            Seen(b"/", b"POST", body=b"abc", has=(("Content-Length", b"3"),)),
        ),
        Request(
            "HEAD", head(method=b"HEAD", version=OLD), (200,), closed=True, seen=(Seen(b"/", b"HEAD"),), heads=True
        ),
        taken(head(version=OLD, target=b"http://a/x"), Seen(b"/x", host=b"a"), closed=True),
    ),
)

CLIENT_HELLO = bytes.fromhex(
    "16030100a5010000a10303cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7000020cca8cca9c02fc030c02bc02cc013"
    "c009c014c00a009c009d002f0035c012000a010000580000000e000c0000096c6f63616c686f7374"
)
OTHER_PROTOCOLS = Row(
    27,
    "bytes that are no HTTP",
    (
        *(
            refused(data, name=name)
            for name, data in {
                "TLS ClientHello": CLIENT_HELLO,
                "TLS alert": b"\x15\x03\x03\x00\x02\x02\x28",
                "SSL 2 hello": bytes.fromhex("802e0100020015000000100100800200800300800400800600400700c0"),
                "SSH banner": b"SSH-2.0-OpenSSH_9.6\r\n",
                "SMTP": b"EHLO canary\r\n",
                "FTP": b"USER canary\r\n",
                "POP3": b"CAPA\r\n",
                "IMAP": b"a1 LOGIN canary canary\r\n",
                "IRC": b"NICK canary\r\nUSER x 0 * :x\r\n",
                "Redis": b"*1\r\n$4\r\nPING\r\n",
                "Redis, inline": b"PING\r\n",
                "memcached": b"stats\r\n",
                "PostgreSQL": bytes.fromhex("0000000804d2162f"),
                "MySQL": b"\x20\x00\x00\x01\x8d\xa6\x0f\x00",
                "MongoDB": bytes.fromhex("3f000000000000000000000 0d4070000".replace(" ", "")),
                "RDP": bytes.fromhex("030000130ee000000000000100080003000000"),
                "SMB": b"\x00\x00\x00\x85\xffSMB",
                "SOCKS 4": b"\x04\x01\x00\x50\x7f\x00\x00\x01\x00",
                "SOCKS 5": b"\x05\x01\x00",
                "PROXY protocol 1": b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
                "PROXY protocol 2": b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c",
                "DNS over TCP": b"\x00\x1d\x00\x01\x01\x00\x00\x01",
                "FastCGI": b"\x01\x01\x00\x01\x00\x08\x00\x00",
                "AJP": b"\x12\x34\x00\x05\x02",
                "AMQP": b"AMQP\x00\x00\x09\x01",
                "MQTT": b"\x10\x0c\x00\x04MQTT\x04\x02",
                "RTSP": b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n",
                "SIP": b"OPTIONS sip:canary SIP/2.0\r\n\r\n",
                "ICAP": b"OPTIONS icap://canary/ ICAP/1.0\r\n\r\n",
                "Java serialisation": b"\xac\xed\x00\x05sr",
                "JSON": b'{"canary":1}\n',
                "XML": b"<?xml version='1.0'?>\r\n",
                "an answer": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                "noise": bytes(range(128, 200)),
                "zeros": bytes(64),
                "UTF-16": "GET / HTTP/1.1\r\n".encode("utf-16"),
            }.items()
        ),
        # A request line by its grammar, and a version that is not spoken here (row 24).
        refused(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", 505, "HTTP/2 preface"),
    ),
)  # fmt: skip

ROWS = (
    EMPTY_LINES, BARE_LF, BARE_CR, SEPARATORS, SIMPLE, MISSING, NO_TOKEN, METHODS, SPACE_IN_TARGET, CONTROLS_IN_TARGET, NON_ASCII,
    EXCLUDED_IN_TARGET, NO_FORM, SAME_HOST, OTHER_HOST, SCHEMES, USERINFO, EMPTY_AUTHORITY, AUTHORITY_FORM, CONNECT, ASTERISK, LONG,
    MINOR, MAJOR, VERSIONS, OLD_CLIENTS, OTHER_PROTOCOLS,
)  # fmt: skip
