"""Rows 107 to 112: the path (RFC 3986 2.1, 3.3, 5.2.4, 6.2.2): what is matched is what is forwarded."""

from __future__ import annotations

from tests.wire.table.model import Request, Row, Seen, head, refused, taken


def path(sent: bytes, wanted: bytes) -> Request:
    """A path, and what the agent gets of it."""
    return taken(head(target=sent), Seen(wanted))


def same(sent: bytes) -> Request:
    """A path that is forwarded byte for byte."""
    return path(sent, sent)


def no(sent: bytes) -> Request:
    """A path that is refused."""
    return refused(head(target=sent))


DOTS = Row(
    107,
    "dot segments",
    (
        *(
            path(sent, wanted)
            for sent, wanted in (
                (b"/.", b"/"), (b"/./", b"/"), (b"/a/.", b"/a/"), (b"/a/./b", b"/a/b"), (b"/./a", b"/a"), (b"/a/..", b"/"), (b"/a/../", b"/"),
                (b"/a/../b", b"/b"), (b"/a/b/../c", b"/a/c"), (b"/a/b/../../c", b"/c"), (b"/a/b/c/./../../g", b"/a/g"), (b"/./././a", b"/a"),
                (b"/a/./", b"/a/"), (b"/a/b/..", b"/a/"), (b"/a/b/../", b"/a/"), (b"/a/../b/../c", b"/c"), (b"/a/.?x=/../y", b"/a/?x=/../y"),
                (b"/key/../a", b"/a"), (b"/a/../b?c", b"/b?c"), (b"/a//../b", b"/b"), (b"/a/..//b", b"/b"),
            )
        ),
        *(
            no(sent)
            for sent in (
                b"/..", b"/../", b"/../a", b"/../../etc/passwd", b"/a/../..", b"/a/../../b", b"/./..", b"/./../a", b"/a/./../../b", b"//..",
                b"//../a", b"/a/b/../../../c", b"/..?x", b"/../..", b"///..", b"/a/../../", b"http://a/..", b"http://a/../b",
            )
        ),
        # The view that is matched: the key is asked for where the normalised path is below /key, and only there.
        *(
            Request(f"{sent!r} is below /key", head(target=sent), (401,))
            for sent in (b"/key", b"/key/", b"/a/../key", b"/./key", b"/key/.", b"/key/a/..", b"//key", b"/a/..//key/b", b"/x/y/../../key")
        ),
    ),
)  # fmt: skip

ENCODED_DOTS = Row(
    108,
    "encoded dots, and other encoded unreserved characters",
    (
        *(
            path(sent, wanted)
            for sent, wanted in (
                (b"/%2e", b"/"), (b"/%2E/a", b"/a"), (b"/a/%2e%2e", b"/"), (b"/a/%2e%2e/b", b"/b"), (b"/a/%2E%2E/b", b"/b"), (b"/a/.%2e/b", b"/b"),
                (b"/a/%2e./b", b"/b"), (b"/a/%2E.", b"/"), (b"/%61", b"/a"), (b"/%41%5a%61%7A%30%39", b"/AZaz09"), (b"/%2d%2E%5f%7e", b"/-._~"),
                (b"/a%2eb", b"/a.b"), (b"/%2e%2e%2e", b"/..."), (b"/%2ea", b"/.a"), (b"/a/b/%2e%2e/%2e%2e/c", b"/c"), (b"/%61/%2e/%62", b"/a/b"),
            )
        ),
        *(
            no(sent)
            for sent in (
                b"/%2e%2e", b"/%2e%2e/", b"/%2E%2E/a", b"/.%2e/a", b"/%2e./a", b"/a/%2e%2e/%2e%2e/b", b"/%2e/%2e%2e", b"/a/../%2e%2e",
                b"/%2e%2e/%2e%2e/etc/passwd",
            )
        ),
        *(
            Request(f"{sent!r} is below /key", head(target=sent), (401,))
            for sent in (b"/%6bey", b"/%6B%65%79/a", b"/a/%2e%2e/key", b"/%2e/key", b"/k%65y", b"/a/.%2e/key")
        ),
        # Decoded once, and never twice.
        *(same(sent) for sent in (b"/%252e%252e/a", b"/%252e", b"/%2561", b"/%c0%ae%c0%ae/a", b"/%e0%80%ae")),
        path(b"/%25%32%65", b"/%252e"),
    ),
)  # fmt: skip

ENCODED_SLASHES = Row(
    109,
    "encoded slashes and backslashes",
    (
        *(
            no(sent)
            for sent in (
                b"/%2f", b"/%2F", b"/a%2fb", b"/a%2Fb", b"/a/%2f", b"/%2fa", b"/%2f%2f", b"/..%2fa", b"/a/..%2f..%2fb", b"/%2e%2e%2fa", b"/key%2fa",
                b"/%5c", b"/%5C", b"/a%5cb", b"/..%5ca", b"/%5c..%5ca", b"/%2e%2e%5ca", b"/a%2f?x", b"/a%2F", b"http://a/%2f",
                b"/a%5C%2fb",
            )
        ),
        *(same(sent) for sent in (b"/?a%2fb", b"/a?%2F%5c", b"/%252f", b"/%255c", b"/%c0%af", b"/%ef%bc%8f", b"/%e2%88%95")),
    ),
)  # fmt: skip

SLASHES = Row(
    110,
    "more than one slash",
    (
        *(
            path(sent, wanted)
            for sent, wanted in (
                (b"//", b"/"), (b"///", b"/"), (b"//a", b"/a"), (b"///a", b"/a"), (b"/a//b", b"/a/b"), (b"/a///b", b"/a/b"), (b"/a//", b"/a/"),
                (b"//a//b//", b"/a/b/"), (b"//a?b//c", b"/a?b//c"), (b"//b/a", b"/b/a"), (b"//b:80/", b"/b:80/"), (b"//u@b/", b"/u@b/"),
                (b"/a/.//b", b"/a/b"), (b"//./a", b"/a"), (b"/a//..", b"/"), (b"////////a", b"/a"), (b"/a/%2e//b", b"/a/b"), (b"http://a//b", b"/b"),
            )
        ),
        *(same(sent) for sent in (b"/?//", b"/a?x=//y", b"/a/?b//")),
        *(Request(f"{sent!r} is below /key", head(target=sent), (401,)) for sent in (b"//key", b"///key//", b"//key//a")),
    ),
)  # fmt: skip

OPAQUE = Row(
    111,
    "path parameters, dots that are no segment, and what passes byte for byte",
    tuple(
        same(sent)
        for sent in (
            b"/a;b", b"/a;b=c/d", b"/;", b"/;/a", b"/..;/a", b"/a/..;/b", b"/.;/a", b"/..;a=b/c", b"/a;..", b"/a;/b", b"/...", b"/.../a", b"/.a", b"/..a",
            b"/a.", b"/a..", b"/a../b", b"/a./b", b"/....", b"/tasks/1:send", b"/v1/message:stream", b"/%3A", b"/%3a", b"/%3a%3A",
            b"/a/", b"/a%20b", b"/a+b", b"/a,b", b"/a=b", b"/@", b"/a@b", b"/a!b", b"/$", b"/&", b"/'", b"/(a)", b"/*", b"/a*b", b"/~a", b"/-", b"/_",
            b"/a:b", b"/:", b"/[a]", b"/a?", b"/?", b"/??", b"/?a=b&c=d", b"/?a[]=1", b"/?a=%20%zz", b"/?../..", b"/a?b?c", b"/.well-known/x",
            b"/%E2%82%AC", b"/%e2%82%ac", b"/%C3%A9", b"/%7c%7C", b"/%23", b"/%3F", b"/%3f", b"/%40%21",
        )
    ),
)  # fmt: skip

ESCAPES = Row(
    112,
    "invalid and control escapes",
    (
        *(
            no(sent)
            for sent in (
                b"/%", b"/%2", b"/%z", b"/%zz", b"/%2z", b"/%z2", b"/a%", b"/a%b", b"/%%", b"/%%41", b"/%a", b"/%G0", b"/%0G", b"/%-1", b"/%+1", b"/%0x41",
                b"/%u002e", b"/%u2215", b"/%U0041", b"/%.e", b"/%2%65", b"/%/", b"/%2/", b"/%?", b"/%2?a", b"/%00", b"/a%00", b"/a%00b", b"/%00/a",
                b"/a%00.html", b"/%2e%00", b"/%%30%30", b"/%_41", b"/a/%", b"/a/%4", b"http://a/%zz",
            )
        ),
        *(
            same(sent)
            for sent in (
                b"/%0d%0a", b"/%0D%0A", b"/%0d%0aX-Evil:%201", b"/%0a", b"/%0d", b"/%09", b"/%01", b"/%1f", b"/%7f", b"/%7F", b"/%20", b"/%20/", b"/%80",
                b"/%ff", b"/%2500", b"/%250d%250a", b"/%25", b"/%2525", b"/a%3bb", b"/%22%3c%3E",
            )
        ),
    ),
)  # fmt: skip

ROWS = (DOTS, ENCODED_DOTS, ENCODED_SLASHES, SLASHES, OPAQUE, ESCAPES)
