"""Rows 94 to 106: several requests on a connection, fields of one hop, expectations, upgrades, bodies that nobody wants."""

from __future__ import annotations

from tests.wire.table.model import Request, Row, Seen, head, post, refused, taken

EVIL = b"GET /evil HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked"


def several(*requests: tuple[bytes, Seen], name: str) -> Request:
    """Requests in one stretch, all answered in order."""
    return Request(
        name, b"".join(data for data, _ in requests), (200,) * len(requests), seen=tuple(seen for _, seen in requests)
    )


def numbered(n: int, *lines: bytes) -> tuple[bytes, Seen]:
    return head(*lines, target=b"/%d" % n), Seen(b"/%d" % n, b"GET")


def with_body(n: int, body: bytes) -> tuple[bytes, Seen]:
    data = post(b"Content-Length: %d" % len(body), body=body, target=b"/%d" % n)
    return data, Seen(b"/%d" % n, b"POST", body=body)


def in_chunks(n: int, body: bytes) -> tuple[bytes, Seen]:
    coded = b"".join(b"%x\r\n%s\r\n" % (1, body[at : at + 1]) for at in range(len(body))) + b"0\r\n\r\n"
    return post(CHUNKED, body=coded, target=b"/%d" % n), Seen(b"/%d" % n, b"POST", body=body, framing="chunked")


PIPELINING = Row(
    94,
    "pipelining",
    (
        several(*(numbered(n) for n in range(3)), name="three"),
        several(*(numbered(n) for n in range(100)), name="a hundred"),
        several(*(numbered(n, b"X: " + b"y" * 900) for n in range(80)), name="more than may wait"),
        several(with_body(1, b"abc"), numbered(2), with_body(3, EVIL), numbered(4), name="bodies between"),
        several(in_chunks(1, b"abc"), in_chunks(2, b""), numbered(3), name="chunks between"),
        several(in_chunks(1, EVIL), with_body(2, b""), in_chunks(3, b"0\r\n\r\n"), name="bodies that look like requests"),
        several(with_body(1, b"x" * 70_000), numbered(2), name="a large body first"),
        Request("empty lines between", (b"\r\n" + head()) * 2, (200, 200), seen=(Seen(), Seen())),
        Request("the last is refused", head() + head(b"X"), (200, 400), closed=True, seen=(Seen(b"/"),)),
        Request("one of ours first", head(target=b"/key") + head(), (401, 200), seen=(Seen(b"/"),)),
        Request("ours between", head() + head(target=b"/broken") + head(), (200, 500, 200), seen=(Seen(b"/"), Seen(b"/"))),
    ),
)  # fmt: skip

LAST = tuple(
    Request(f"{line!r}, then {rest[:20]!r}", data + rest, (200,), closed=True, seen=(seen,))
    for line in (b"Connection: close", b"connection:CLOSE", b"Connection: x, close", b"Connection: keep-alive, close")
    for data, seen in (
        (head(line), Seen(b"/")),
        (post(b"Content-Length: 3", line, body=b"abc"), Seen(b"/", body=b"abc")),
        (post(line, CHUNKED, body=b"1\r\na\r\n0\r\n\r\n"), Seen(b"/", body=b"a")),
    )
    for rest in (b"", EVIL, b"\0", b"\r\n")
)

AFTER_CLOSE = Row(
    95,
    "a request behind Connection: close",
    (
        *LAST,
        Request("in HTTP/1.0", head(version=b"HTTP/1.0") + EVIL, (200,), closed=True, seen=(Seen(b"/"),)),
        Request(
            "in HTTP/1.0, closed", head(b"Connection: keep-alive, close", version=b"HTTP/1.0") + EVIL, (200,), closed=True,
            seen=(Seen(b"/"),),
        ),
        Request("two lines", head(b"Connection: keep-alive", b"Connection: close") + EVIL, (200,), closed=True, seen=(Seen(b"/"),)),
        Request("of ours", head(b"Connection: close", target=b"/key") + EVIL, (401,), closed=True),
        *(taken(head(line)) for line in (b"Connection: closed", b"Connection: xclose", b"Connection: keep-alive", b"X: close")),
        taken(head(b"Proxy-Connection: close")),
    ),
)  # fmt: skip

HOP = (
    b"Keep-Alive: timeout=5", b"Proxy-Connection: keep-alive", b"TE: gzip, deflate;q=0.5", b"Trailer: X-Sum",
    b"Upgrade: foo/2", b"Proxy-Authorization: Basic eDp5", b"HTTP2-Settings: AAMAAABkAAQAAP__",
)  # fmt: skip
GONE = (
    "connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade", "proxy-authorization", "http2-settings",
)  # fmt: skip

STRIPPED = Row(
    96,
    "fields of one hop",
    (
        *(taken(head(line, b"X-End: 1"), Seen(lacks=GONE, has=(("x-end", b"1"),))) for line in HOP),
        *(taken(head(line.upper()), Seen(lacks=GONE)) for line in HOP),
        taken(head(*HOP, b"X-End: 1"), Seen(lacks=GONE, has=(("x-end", b"1"),)), "all of them"),
        taken(head(*HOP, b"Connection: keep-alive, te, trailer, upgrade"), Seen(lacks=GONE), "all of them, named"),
        *(
            taken(head(b"Connection:" + value, b"X-A: 1", b"x-b: 2", b"X-C: 3"), Seen(lacks=lacks, has=(("x-c", b"3"),)))
            for value, lacks in (
                (b" x-a", ("x-a",)),
                (b"X-A,X-B", ("x-a", "x-b")),
                (b"\tx-a ,\tX-b ", ("x-a", "x-b")),
                (b" , ,x-a,,", ("x-a",)),
                (b" keep-alive, x-b", ("x-b",)),
                (b" x-a, x-a", ("x-a",)),
                (b" x-none, x-a", ("x-a",)),
            )
        ),
        taken(head(b"X-A: 1", b"X-A: 2", b"Connection: x-a"), Seen(lacks=("x-a",)), "named behind it, twice there"),
        taken(head(b"Connection: x-a", b"Connection: x-b", b"X-A: 1", b"X-B: 2"), Seen(lacks=("x-a", "x-b")), "two lines"),
        taken(head(b"Connection:", b"X-A: 1"), Seen(has=(("x-a", b"1"),)), "an empty one"),
        taken(head(b"TE: trailers"), Seen(has=(("te", b"trailers"), ("connection", b"TE"))), "TE: trailers"),
        taken(head(b"TE: Trailers", b"Connection: te"), Seen(has=(("te", b"trailers"),)), "TE: Trailers, named"),
        taken(head(b"TE: trailers, gzip"), None, "TE with more"),
    ),
)  # fmt: skip

KEPT = (
    b"Authorization: Basic eDp5", b"X-API-Key: other", b"Cookie: a=b",
    b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
)  # fmt: skip


def named_away(line: bytes, *, more: bytes = b"") -> Request:
    """A request that names one of its own fields as one of this hop, in vain."""
    name, _, value = line.partition(b": ")
    data = head(b"Connection: " + more + name, line)
    return taken(data, Seen(has=((name.decode().lower(), value),)), f"{(more + name).decode()}")


NOMINATED = Row(
    97,
    "Connection names what it must not",
    (
        *(named_away(line, more=more) for line in KEPT for more in (b"", b"x, ", b"close-not, ")),
        taken(head(b"Connection: host"), Seen(host=b"a")),
        taken(head(b"Connection: Host, HOST", b"X: y"), Seen(host=b"a")),
        *(
            taken(post(b"Connection: " + name, b"Content-Length: 3", body=b"abc"), Seen(body=b"abc", framing="length"))
            for name in (b"content-length", b"Content-Length", b"CONTENT-LENGTH, x")
        ),
        *(
            taken(head(b"Connection: " + name), Seen(has=has))
            for name, has in (
                (b"X-Forwarded-For", (("x-forwarded-for", b"127.0.0.1"),)),
                (b"X-Forwarded-Host", (("x-forwarded-host", b"a"),)),
                (b"X-Forwarded-Proto", (("x-forwarded-proto", b"http"),)),
                (b"X-Forwarded-Port", (("x-forwarded-port", b"80"),)),
                (b"Via", (("via", b"1.1 agw"),)),
            )
        ),
        taken(head(b"Connection: x-request-id, forwarded", b"X-Request-Id: a", b"Forwarded: for=6.6.6.6"), Seen(lacks=("forwarded",))),
        *(
            refused(post(*lines, body=b"0\r\n\r\n"))
            for name in (b"transfer-encoding", b"Transfer-Encoding", b"x, TRANSFER-ENCODING")
            for lines in ((b"Connection: " + name, CHUNKED), (CHUNKED, b"Connection: " + name))
        ),
        refused(head(b"Connection: transfer-encoding"), name="a coding that is not there"),
        Request(
            "the key itself", head(b"Connection: x-api-key", b"X-API-Key: foo", target=b"/key"), (200,),
            seen=(Seen(b"/key", lacks=("x-api-key",)),),
        ),
        Request("no other way in", head(b"Connection: x-api-key", target=b"/key"), (401,)),
    ),
)  # fmt: skip

ABUSED = Row(
    98,
    "Connection that is no list of tokens",
    (
        *(
            refused(head(b"Connection: " + value))
            for value in (
                b"a b", b"a;b", b"a=b", b'"close"', b"close;q=1", b"(x)", b"a, b c", b"close close", b"close, ;", b"{a}", b"a/b",
                b"\xe9", b"close\xa0", b"a:b", b"a, \x80", b"@", b"keep-alive; timeout=5", b"a\tb", b"<a>", b"a,\\",
            )
        ),
        refused(head(b"Connection: " + b",".join([b"a"] * 65)), name="65 members"),
        refused(head(b"Connection: " + b",".join([b"a"] * 8_000)), name="8,000 members"),
        refused(head(*[b"Connection: a,b,c,d"] * 20), name="80 members in 20 lines"),
        taken(head(b"Connection: " + b",".join([b"a"] * 64)), name="64 members"),
        taken(head(b"Connection: " + b"," * 8_000), name="8,000 commas"),
        taken(head(*[b"Connection: x"] * 50), name="50 lines"),
        taken(head(b"Connection: " + b"a" * 8_000), name="a long name"),
        taken(head(b"Connection: !#$%&'*+-.^_`|~"), name="every mark that a token may hold"),
    ),
)  # fmt: skip

CONTINUE = b"Expect: 100-continue"
ABC = Seen(b"/", body=b"abc", lacks=("expect",))

EXPECTED = Row(
    99,
    "Expect: 100-continue",
    (
        *(
            taken(post(line, b"Content-Length: 3", body=b"abc"), ABC)
            for line in (CONTINUE, b"expect:100-Continue", b"EXPECT: 100-CONTINUE", b"Expect: \t100-continue \t")
        ),
        taken(post(CONTINUE, CHUNKED, body=b"3\r\nabc\r\n0\r\n\r\n"), ABC, "in chunks"),
        taken(head(CONTINUE), Seen(lacks=("expect",)), "without a body"),
        taken(post(CONTINUE, b"Content-Length: 0"), Seen(lacks=("expect",)), "with an empty body"),
        taken(post(CONTINUE, b"Content-Length: 3", body=b"abc", version=b"HTTP/1.0"), ABC, "in HTTP/1.0", closed=True),
        Request("two in a row", post(CONTINUE, b"Content-Length: 3", body=b"abc") * 2, (200, 200), seen=(ABC,) * 2),
        *(
            Request(
                f"refused: {target!r}", post(CONTINUE, b"Content-Length: %d" % len(EVIL), body=EVIL, target=target), (status,),
                closed=True,
            )
            for target, status in ((b"/key", 401), (b"/broken", 500), (b"/empty", 503))
        ),
    ),
)  # fmt: skip

UNEXPECTED = Row(
    100,
    "an expectation that is unknown, or hidden",
    (
        *(
            refused(post(*lines, b"Content-Length: 3", body=b"abc"), 417)
            for lines in (
                (b"Expect: tea",), (b"Expect:",), (b"Expect: 100",), (b"Expect: 100-continu",), (b"Expect: 100-continuee",),
                (b"Expect: 100 continue",), (b"Expect: 100-continue, x",), (b"Expect: x, 100-continue",),
                (b"Expect: 100-continue;q=1",), (b'Expect: "100-continue"',), (b"Expect: 100-continue,",),
                (b"Expect: 200-ok",), (b"Expect: y 100-continue",), (b"Expect: 100-continue\xa0",),
                (b"Expect: \xa0100-continue",), (CONTINUE, CONTINUE), (CONTINUE, b"Expect: x"), (b"Expect: x", CONTINUE),
                (b"Expect: 100--continue",), (b"Expect: 100_continue",), (b"Expect: 100-conti\tnue",), (b"Expect: ,",),
            )
        ),
        refused(head(b"Expect: tea"), 417, "without a body"),
        refused(head(b"Expect: tea", target=b"/key"), 417, "where a key is wanted"),
        *(
            refused(post(line, b"Content-Length: 3", body=b"abc"))
            for line in (b"Expect : 100-continue", b"Expect: 100-continue\r\n x", b"Expect\0: 100-continue", b"Expect: 100\0continue")
        ),
        taken(post(b"Ex_pect: 100-continue", b"Content-Length: 3", body=b"abc"), Seen(body=b"abc", lacks=("ex_pect",))),
    ),
)  # fmt: skip

NO_UPGRADE = Seen(lacks=("upgrade", "http2-settings", "connection"))
SETTINGS = b"HTTP2-Settings: AAMAAABkAAQAAP__"

H2C = Row(
    101,
    "Upgrade: h2c",
    (
        *(
            taken(head(*lines), NO_UPGRADE)
            for lines in (
                (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", SETTINGS),
                (b"Upgrade: h2c", SETTINGS, b"Connection: upgrade,http2-settings"),
                (b"Connection: Upgrade", b"Connection: HTTP2-Settings", b"Upgrade: h2c", SETTINGS),
                (b"Connection: Upgrade", b"Upgrade: h2c"),
                (b"Connection: HTTP2-Settings", b"Upgrade: h2c", SETTINGS),
                (b"Upgrade: h2c", SETTINGS),
                (b"Upgrade: h2c",),
                (SETTINGS,),
                (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: H2C", SETTINGS, SETTINGS),
                (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c, websocket", SETTINGS),
                (b"Connection: Upgrade", b"Upgrade: h2c", b"Upgrade: websocket"),
                (b"Connection: Upgrade", b"Upgrade: TLS/1.0, HTTP/1.1"),
                (b"Connection: Upgrade", b"Upgrade: "),
                (b"Connection: Upgrade",),
            )
        ),
        taken(
            post(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", SETTINGS, b"Content-Length: 3", body=b"abc"),
            Seen(body=b"abc", lacks=NO_UPGRADE.lacks),
        ),
        Request(
            "frames behind it are no tunnel",
            head(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", SETTINGS) + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            (200, 505), closed=True, seen=(NO_UPGRADE,),
        ),
        refused(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "the preface of HTTP/2"),
    ),
)  # fmt: skip

KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
ASK = (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13", KEY)
ASKED = Seen(has=(("upgrade", b"websocket"), ("connection", b"Upgrade"), ("sec-websocket-version", b"13")))


def without(n: int, *more: bytes) -> tuple[bytes, ...]:
    return (*ASK[:n], *more, *ASK[n + 1 :])


WEBSOCKET = Row(
    102,
    "Upgrade: websocket",
    (
        *(
            taken(head(*lines), ASKED, f"asked: {lines[0]!r} {lines[1]!r}")
            for lines in (
                ASK, ASK[::-1], (b"connection: keep-alive, UPGRADE", b"upgrade: WebSocket", *ASK[2:]),
                (b"Connection: x", *ASK), (*ASK, b"Sec-WebSocket-Protocol: a2a"),
            )
        ),
        # The agent refuses: what follows is the next request and no tunnel.
        Request("refused by the agent", head(*ASK) + head(target=b"/next"), (200, 200), seen=(ASKED, Seen(b"/next"))),
        *(
            taken(head(*lines), NO_UPGRADE, f"no handshake: {n}")
            for n, lines in enumerate((
                without(0), without(1), without(2), without(3), without(2, b"Sec-WebSocket-Version: 12"),
                without(2, b"Sec-WebSocket-Version: 13, 8"), without(3, b"Sec-WebSocket-Key: short"),
                without(3, b"Sec-WebSocket-Key:"), without(3, KEY, KEY), without(2, ASK[2], ASK[2]),
                without(1, b"Upgrade: websocket, h2c"), without(1, b"Upgrade: websocket/13"), without(1, ASK[1], ASK[1]),
                without(1, b"Upgrade: xwebsocket"), without(0, b"Connection: x-upgrade"),
            ))
        ),
        taken(post(*ASK), NO_UPGRADE, "in a POST"),
        taken(post(*ASK, b"Content-Length: 3", body=b"abc", method=b"GET"), Seen(body=b"abc", lacks=NO_UPGRADE.lacks), "with a body"),
        taken(post(*ASK, CHUNKED, body=b"0\r\n\r\n", method=b"GET"), NO_UPGRADE, "with an empty body in chunks"),
        taken(head(*ASK, version=b"HTTP/1.0"), NO_UPGRADE, "in HTTP/1.0", closed=True),
        Request("where a key is wanted", head(*ASK, target=b"/key") + EVIL, (401, 200), seen=(Seen(b"/evil"),)),
    ),
)  # fmt: skip

TRACES = Row(
    103,
    "TRACE and Max-Forwards",
    (
        *(
            refused(head(*lines, method=b"TRACE", target=target), 405)
            for lines in ((), (b"Max-Forwards: 0",), (b"Max-Forwards: 5",), (b"Max-Forwards: x",), (b"Cookie: a=b",))
            for target in (b"/", b"/key", b"http://a/")
        ),
        refused(post(b"Content-Length: 3", body=b"abc", method=b"TRACE"), 405),
        *(
            Request(f"OPTIONS, {value!r} left", head(b"Max-Forwards: " + value, method=b"OPTIONS", target=target), (200,))
            for value in (b"0", b"00")
            for target in (b"/", b"/key", b"*")
        ),
        *(
            taken(head(b"Max-Forwards: " + value, method=b"OPTIONS"), Seen(b"/", has=(("max-forwards", left),)))
            for value, left in ((b"1", b"0"), (b"10", b"9"), (b"007", b"6"), (b"999999999999999999", b"999999999999999998"))
        ),
        *(
            refused(head(*(b"Max-Forwards:" + value for value in values), method=b"OPTIONS"))
            for values in ((b"",), (b" x",), (b" -1",), (b" +1",), (b" 1, 1",), (b" 1", b" 1"), (b" 0x1",), (b" " + b"1" * 19,))
        ),
        # For other methods the field has no meaning, and none for us either.
        *(taken(head(b"Max-Forwards: " + value), Seen(has=(("max-forwards", value),))) for value in (b"0", b"5", b"x")),
        taken(head(b"Connection: max-forwards", b"Max-Forwards: 0", method=b"OPTIONS"), Seen(lacks=("max-forwards",))),
        Request("trace, which is another method", head(method=b"trace"), (200,), seen=(Seen(method=b"trace"),)),
    ),
)  # fmt: skip

OURS = (
    ("x-forwarded-for", b"127.0.0.1"),
    ("x-forwarded-host", b"a"),
    ("x-forwarded-proto", b"http"),
    ("x-forwarded-port", b"80"),
)

SPOOFED = Row(
    104,
    "forwarding fields of the client's own",
    (
        *(
            taken(head(*lines), Seen(has=OURS, lacks=("forwarded", "x-real-ip", "true-client-ip", "cf-connecting-ip")))
            for lines in (
                (b"X-Forwarded-For: 6.6.6.6",), (b"X-Forwarded-For: 6.6.6.6", b"x-forwarded-for: 127.0.0.1"),
                (b"X-FORWARDED-FOR: 6.6.6.6, 7.7.7.7",), (b"X-Forwarded-For:",), (b"X-Forwarded-For: " + b"1.1.1.1," * 1000,),
                (b"X-Forwarded-Proto: https",), (b"X-Forwarded-Proto: https", b"X-Forwarded-Proto: ftp"),
                (b"X-Forwarded-Host: evil",), (b"X-Forwarded-Host: a, evil",), (b"X-Forwarded-Port: 443",),
                (b"Forwarded: for=6.6.6.6;proto=https;host=evil",), (b"Forwarded: for=x", b"forwarded: for=y"),
                (b"X-Real-IP: 6.6.6.6",), (b"True-Client-IP: 6.6.6.6",), (b"CF-Connecting-IP: 6.6.6.6",),
                (b"x-real-ip: 6.6.6.6", b"X-REAL-IP: 7.7.7.7"),
                (b"X-Forwarded-For: 6.6.6.6", b"Connection: x-forwarded-for, forwarded"),
            )
        ),
        *(
            taken(head(name + b": 6.6.6.6"), Seen(has=OURS, lacks=(name.decode().lower(),)))
            for name in (b"X_Forwarded_For", b"X_Real_IP", b"X-Forwarded_For", b"X_Forwarded_Proto", b"X_Forwarded_Host")
        ),
        refused(head(b"X-Forwarded-For : 6.6.6.6")),
        refused(head(b"X-Forwarded-For: 6.6.6.6\r\n 7.7.7.7")),
        refused(head(b"X-Forwarded-For\xad: 6.6.6.6")),
    ),
)  # fmt: skip

POISON = (b"Proxy", b"X-Original-URL", b"X-Rewrite-URL", b"X-HTTP-Method-Override")

OVERRIDES = Row(
    105,
    "fields that override, or poison CGI",
    (
        *(
            taken(head(spelt + b": " + value), Seen(b"/", b"GET", lacks=(name.decode().lower(),)))
            for name in POISON
            for spelt in (name, name.lower(), name.upper())
            for value in (b"http://evil/", b"/key", b"DELETE", b"")
        ),
        *(taken(head(*[name + b": x"] * 3), Seen(lacks=(name.decode().lower(),)), f"{name!r} thrice") for name in POISON),
        taken(head(*(name + b": x" for name in POISON)), Seen(lacks=tuple(name.decode().lower() for name in POISON)), "all"),
        *(taken(head(name.replace(b"-", b"_") + b": x"), Seen(lacks=(name.decode().lower(),))) for name in POISON[1:]),
        # They change nothing here either: the path and the method that are matched are those of the request line.
        *(Request(f"{name!r} is no way in", head(name + b": /", target=b"/key"), (401,)) for name in POISON),
    ),
)  # fmt: skip


def unwanted(target: bytes, status: int, **kinds: bytes) -> tuple[Request, ...]:
    """A body that arrives for a request which is answered here: it is read to its end, and never as a request."""
    cases = []
    for kind, (lines, body) in {
        "length": ((b"Content-Length: %d" % len(EVIL),), EVIL),
        "two requests": ((b"Content-Length: %d" % len(EVIL * 2),), EVIL * 2),
        "chunks": ((CHUNKED,), b"%x\r\n%s\r\n0\r\n\r\n" % (len(EVIL), EVIL)),
        "chunks with trailers": ((CHUNKED,), b"%x\r\n%s\r\n0\r\nX: y\r\n\r\n" % (len(EVIL), EVIL)),
        "nothing": ((b"Content-Length: 0",), b""),
    }.items():
        data = post(*lines, body=body, target=target)
        cases += [
            Request(f"{target.decode()}, {kind}", data, (status,)),
            Request(
                f"{target.decode()}, {kind}, then another",
                data + head(target=b"/next"),
                (status, 200),
                seen=(Seen(b"/next"),),
            ),
            Request(
                f"{target.decode()}, {kind}, closed",
                data.replace(b"Host", b"Connection: close\r\nHost", 1),
                (status,),
                closed=True,
            ),
        ]
    return tuple(cases)


LARGE = b"x" * 65_000
TOO_LARGE = b"x" * 66_000

UNWANTED = Row(
    106,
    "the body of a request that is answered here",
    (
        *unwanted(b"/key", 401),
        *unwanted(b"/broken", 500),
        *unwanted(b"/empty", 503),
        Request("as much as is read", post(b"Content-Length: 65000", body=LARGE, target=b"/key"), (401,)),
        Request("more than is read", post(b"Content-Length: 66000", body=TOO_LARGE, target=b"/key") + EVIL, (401,), closed=True),
        Request("OPTIONS *", post(b"Content-Length: %d" % len(EVIL), body=EVIL, method=b"OPTIONS", target=b"*"), (200,)),
        *(
            refused(post(b"Content-Length: %d" % len(EVIL), *lines, body=EVIL, **parts), status)
            for lines, parts, status in (
                ((), {"method": b"TRACE"}, 405),
                ((), {"target": b"/%00"}, 400),
                ((b"Expect: x",), {}, 417),
                ((), {"version": b"HTTP/2.0"}, 505),
                ((b"Authorization: a", b"Authorization: b"), {}, 401),
            )
        ),
    ),
)  # fmt: skip

ROWS = (
    PIPELINING, AFTER_CLOSE, STRIPPED, NOMINATED, ABUSED, EXPECTED, UNEXPECTED, H2C, WEBSOCKET, TRACES, SPOOFED, OVERRIDES, UNWANTED,
)  # fmt: skip
