"""Paths and authorities: one view of each, and refusal where there could be two (RFC 3986 3.2, 6.2.2)."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agw._fastpath.fields import normalised_path, parsed_authority

EXAMPLES = int(os.environ.get("AGW_EXAMPLES", "1"))

TEXTS = "/ . .. %2e %2E a %41 %25 %2 % %2f %5c %00 %7e ; : %3A ~ %ff %0d%0a"
pieces = st.sampled_from(TEXTS.encode().split())
paths = st.lists(pieces, max_size=12).map(lambda parts: b"/" + b"".join(parts))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"/", b"/"), (b"/a/b", b"/a/b"), (b"/a/", b"/a/"),
        # 107: dot segments
        (b"/.", b"/"), (b"/./", b"/"), (b"/a/.", b"/a/"), (b"/a/..", b"/"), (b"/a/../", b"/"), (b"/a/b/..", b"/a/"),
        (b"/a/./b", b"/a/b"), (b"/a/../b", b"/b"), (b"/a/b/../../c", b"/c"),
        (b"/..", None), (b"/../a", None), (b"/a/../..", None), (b"/./..", None), (b"//..", None),
        # 108: encoded dots, and whatever else is unreserved
        (b"/%2e", b"/"), (b"/a/%2E%2e/b", b"/b"), (b"/a/.%2e", b"/"), (b"/%2e%2e", None), (b"/%41%7E%2D%5F%30", b"/A~-_0"),
        (b"/%252e%252e/a", b"/%252e%252e/a"),
        # 109: encoded slash and backslash
        (b"/a%2fb", None), (b"/a%2Fb", None), (b"/a%5cb", None), (b"/a%5Cb", None), (b"/a%252fb", b"/a%252fb"),
        # 110: empty segments
        (b"//", b"/"), (b"//a", b"/a"), (b"/a//b", b"/a/b"), (b"/a//", b"/a/"), (b"/a//../b", b"/b"), (b"/a/.//b", b"/a/b"),
        # 111: what only looks like a dot segment
        (b"/...", b"/..."), (b"/.a", b"/.a"), (b"/a.", b"/a."), (b"/..;/a", b"/..;/a"), (b"/;a=b", b"/;a=b"),
        (b"/.well-known/agent-card.json", b"/.well-known/agent-card.json"),
        # 112: escapes
        (b"/%zz", None), (b"/%2", None), (b"/%", None), (b"/%g0", None), (b"/a%00", None),
        (b"/%0d%0a", b"/%0d%0a"), (b"/%3Asend", b"/%3Asend"), (b"/v1/message:send", b"/v1/message:send"),
        (b"/%c3%A9", b"/%c3%A9"), (b"/%20", b"/%20"), (b"/%3f%23", b"/%3f%23"),
        # not a path
        (b"", None), (b"a", None), (b"*", None),
    ],
)  # fmt: skip
def test_paths(path, expected):
    assert normalised_path(path) == expected


@settings(max_examples=1000 * EXAMPLES, deadline=None)
@given(paths)
def test_a_normalised_path_is_normal(path):
    found = normalised_path(path)
    if found is None:
        return
    assert found.startswith(b"/")
    assert b"//" not in found
    assert not {b".", b".."} & set(found.split(b"/"))
    assert b"%2e" not in found.lower()
    assert len(found) <= len(path)
    assert normalised_path(found) == found


@settings(max_examples=500 * EXAMPLES, deadline=None)
@given(paths)
def test_a_path_without_dots_empty_segments_and_escapes_is_kept_byte_for_byte(path):
    if b"%" not in path and b"//" not in path and not {b".", b".."} & set(path.split(b"/")):
        assert normalised_path(path) == path


@pytest.mark.parametrize(
    ("authority", "expected"),
    [
        (b"a", (b"a", 0)), (b"A.b", (b"a.b", 0)), (b"a.", (b"a", 0)), (b"a..", None), (b"a..b", None), (b".a", None), (b"a.:80", (b"a", 80)),
        (b"a:1", (b"a", 1)), (b"a:65535", (b"a", 65535)), (b"a:00080", None), (b"a:0", None), (b"1.2.3.4:80", (b"1.2.3.4", 80)),
        (b"xn--caf-dma.example", (b"xn--caf-dma.example", 0)), (b"a_b", (b"a_b", 0)),
        (b"[::]", (b"[::]", 0)), (b"[::1]:80", (b"[::1]", 80)), (b"[2001:DB8::A]", (b"[2001:db8::a]", 0)),
        (b"[::ffff:1.2.3.4]", (b"[::ffff:1.2.3.4]", 0)),
        (b"", None), (b".", None), (b":", None), (b":80", None), (b"a:", None), (b"a:x", None), (b"a:65536", None),
        (b"a:000080", None), (b"a:-1", None), (b"a:80:80", None), (b"u@a", None), (b"u:p@a", None), (b"a/b", None),
        (b"a?b", None), (b"a#b", None), (b"a,b", None), (b"a b", None), (b" a", None), (b"a%62", None), (b"a\0", None),
        (b"\xe9", None), (b"[", None), (b"[]", None), (b"[:]", None), (b"[::1", None), (b"::1", None), (b"[::1]a", None),
        (b"[::1]:", None), (b"[::1].", None), (b"[:::1]", None), (b"[1::2::3]", None), (b"[1:2:3]", None), (b"[12345::]", None),
        (b"[::1.2.3]", None), (b"[::\0]", None), (b"[::1%25eth0]", None), (b"[v1.a]", None), (b"[" + b":" * 60 + b"]", None),
    ],
)  # fmt: skip
def test_authorities(authority, expected):
    assert parsed_authority(authority) == expected


@settings(max_examples=500 * EXAMPLES, deadline=None)
@given(st.binary(max_size=12) | st.text("aB.:[]0-@/", max_size=12).map(str.encode))
def test_the_host_for_matching_is_folded_and_means_the_same_again(authority):
    found = parsed_authority(authority)
    if found is None:
        return
    host, port = found
    assert host
    assert host == host.lower()
    assert authority.lower().startswith(host)
    assert 0 <= port <= 65535
    assert parsed_authority(host) == (host, 0)
