"""The chunked coding: section F of the wire rules, each case however it is cut."""

import pytest

from agw._fastpath.http1_body import decode_chunked
from agw._fastpath.http1_trailers import parse_trailer_section
from tests.unit.fastpath.cuts import cuts, same_however_cut

ERROR, TOO_LARGE = 4, 5  # http1_body.pxd ChunkResult
LAST = b"0\r\n\r\n"

REFUSED = {
    **{
        f"80 size {size.decode('latin-1')!r}": size + b"\r\nabc\r\n" + LAST
        for size in (
            b"",
            b" 3",
            b"\t3",
            b"-3",
            b"+3",
            b"0x3",
            b"3 ",
            b"3\t",
            b"3h",
            b"3.0",
            b"3,",
            b"_3",
            b"3 3",
            b'"3"',
            b"\xb23",
            b"3\0",
            b"\x0b3",
            b"3\x0c",
        )
    },
    "81 above 2^63-1": b"8000000000000000\r\nabc",
    "81 64 bits": b"FFFFFFFFFFFFFFFF\r\nabc",
    "81 wraps to 3": b"10000000000000003\r\nabc\r\n" + LAST,
    "82 17 digits": b"0" * 16 + b"3\r\nabc\r\n" + LAST,
    "84 LF in an extension": b"3;a\nabc\r\n" + LAST,
    "84 CR in an extension": b"3;a\rb\r\nabc\r\n" + LAST,
    "84 CR CR LF": b"3;a\r\r\nabc\r\n" + LAST,
    "84 NUL in an extension": b"3;a\0\r\nabc\r\n" + LAST,
    "84 control in an extension": b"3;a\x01\r\nabc\r\n" + LAST,
    "85 an endless line": b"3;" + b"a" * 254 + b"\r\nabc\r\n" + LAST,
    "85 extensions without end": b"".join(b"1;" + b"a" * 200 + b"\r\nx\r\n" for _ in range(21)) + LAST,
    "87 LF after the size": b"3\nabc\r\n" + LAST,
    "87 CR after the size": b"3\rabc\r\n" + LAST,
    "87 LF after the data": b"3\r\nabc\n" + LAST,
    "87 CR X after the data": b"3\r\nabc\rX" + LAST,
    "87 LF after the last size": b"0\n\r\n",
    "87 LF at the end": b"0\r\n\n",
    "87 CR X at the end": b"0\r\n\rX",
    "87 nothing between chunks": b"3\r\nabc3\r\nabc\r\n" + LAST,
    "88 more data than said": b"3\r\nabcd\r\n" + LAST,
    "88 less data than said": b"5\r\nabc\r\n" + LAST,
    "90 trailer without a colon": b"0\r\nX\r\n\r\n",
    "90 trailer with white space first": b"0\r\n X: y\r\n\r\n",
    "90 trailer folded": b"0\r\nX: y\r\n z\r\n\r\n",
    "90 trailer with white space before the colon": b"0\r\nX : y\r\n\r\n",
    "90 trailer with an empty name": b"0\r\n: y\r\n\r\n",
    "90 trailer ended by LF": b"0\r\nX: y\n\r\n",
    "90 trailer with a CR": b"0\r\nX: y\rz\r\n\r\n",
    "90 trailer with a NUL": b"0\r\nX: y\0\r\n\r\n",
}


@pytest.mark.parametrize("data", list(REFUSED.values()), ids=list(REFUSED))
def test_refused(data):
    assert same_however_cut(decode_chunked, data) == ERROR


ACCEPTED = {
    "empty": (LAST, b""),
    "one chunk": (b"3\r\nabc\r\n" + LAST, b"abc"),
    "two chunks": (b"3\r\nabc\r\n2\r\nde\r\n" + LAST, b"abcde"),
    "hexadecimal in both cases": (b"a\r\n0123456789\r\nA\r\n0123456789\r\n" + LAST, b"0123456789" * 2),
    "data that looks like an end": (b"5\r\n" + LAST + b"\r\n" + LAST, LAST),
    "82 leading zeros": (b"0" * 15 + b"3\r\nabc\r\n" + b"0" * 16 + b"\r\n\r\n", b"abc"),
    "83 extension": (b"3;a=b\r\nabc\r\n0;c\r\n\r\n", b"abc"),
    "83 quoted extension": (b'3;a="b;c"\r\nabc\r\n' + LAST, b"abc"),
    "83 white space around an extension": (b"3 \t; a = b\r\nabc\r\n" + LAST, b"abc"),
    "85 a line at its limit": (b"3;" + b"a" * 253 + b"\r\nabc\r\n" + LAST, b"abc"),
    "86 tiny chunks": (b"1\r\nx\r\n" * 200 + LAST, b"x" * 200),
    "89 trailers": (b"3\r\nabc\r\n0\r\nX: y\r\nContent-Length:\t7\r\nEmpty:\r\n\r\n", b"abc"),
}


@pytest.mark.parametrize(("data", "body"), list(ACCEPTED.values()), ids=list(ACCEPTED))
@pytest.mark.parametrize("rest", [b"", b"GET / HTTP/1.1\r\n"], ids=["alone", "93 pipelined"])
def test_accepted(data, body, rest):
    assert same_however_cut(decode_chunked, data + rest) == (body, rest)


@pytest.mark.parametrize(("data", "body"), list(ACCEPTED.values()), ids=list(ACCEPTED))
def test_91_no_end_before_the_last_byte(data, body):
    for end in range(len(data)):
        assert decode_chunked([data[:end]]) is None


def test_81_the_largest_chunk_is_awaited():
    assert same_however_cut(decode_chunked, b"7FFFFFFFFFFFFFFF\r\nabc") is None


def test_85_extensions_at_their_limit_and_over():
    chunk = b"1;" + b"a" * 127 + b"\r\nx\r\n"
    assert decode_chunked([chunk * 32 + LAST]) == (b"x" * 32, b"")
    assert decode_chunked([chunk * 32 + b"0;\r\n\r\n"]) == ERROR


def test_90_trailers_at_their_limit_and_over():
    room = 8192 - len(b"X: \r\n\r\n")
    assert same_however_cut(decode_chunked, b"0\r\nX: " + b"y" * room + b"\r\n\r\n") == (b"", b"")
    assert same_however_cut(decode_chunked, b"0\r\nX: " + b"y" * (room + 1) + b"\r\n\r\n") == TOO_LARGE


def test_empty_pieces_change_nothing():
    data = b"3\r\nabc\r\n" + LAST
    for pieces in cuts(data):
        assert decode_chunked([piece for each in pieces for piece in (b"", each)]) == (b"abc", b"")


@pytest.mark.parametrize(
    "section",
    [b"", b"X: y\r\n", b"X:y\r\nEmpty:\r\nDigest: \t sha-256=:x: \r\n", b"X: y\r\n" * 50],
)
def test_133_the_trailer_section_is_handed_out_as_it_came(section):
    def spans(pieces):
        found = []
        assert decode_chunked(pieces, found) == (b"abc", b"rest")
        return b"".join(found)

    assert same_however_cut(spans, b"3\r\nabc\r\n0;x\r\n" + section + b"\r\nrest") == section


def test_133_nothing_is_handed_out_of_a_trailer_section_that_breaks_in_the_same_bytes():
    found = []
    assert decode_chunked([b"0\r\nX: y\r\nZ\0"], found) == ERROR
    assert found == []


DROP = 1  # message.pxd FIELD_DROP


def test_133_the_fields_of_a_trailer_section():
    section = b'Grpc-Status: 0\r\nETag:\t"x" \r\nEmpty:\r\n'
    assert parse_trailer_section(section) == [(b"Grpc-Status", b"0", 0), (b"ETag", b'"x"', 0), (b"Empty", b"", 0)]
    assert parse_trailer_section(b"") == []


@pytest.mark.parametrize(
    "name",
    [
        b"Content-Length", b"Transfer-Encoding", b"Host", b"Connection", b"TE", b"Trailer", b"Authorization", b"Cookie",
        b"X-API-Key", b"X-Forwarded-For", b"Via", b"Date", b"Range", b"Expect", b"Set-Cookie", b"CACHE-CONTROL",
        b"Location", b"Content-Type", b"content-encoding", b"Content-Range", b"Content-Digest", b"Vary", b"Under_Score",
    ],
)  # fmt: skip
def test_133_fields_that_must_not_trail_are_marked(name):
    assert parse_trailer_section(name + b": 1\r\nX: 2\r\n") == [(name, b"1", DROP), (b"X", b"2", 0)]


@pytest.mark.parametrize(
    "section", [b"X\r\n", b" X: y\r\n", b"X : y\r\n", b": y\r\n", b"X: \0\r\n", b"X: y\n", b"X: y", b"\r\n"]
)
def test_133_a_malformed_section_is_refused(section):
    assert parse_trailer_section(section) == 400


def test_133_more_trailers_than_there_is_room_for():
    assert parse_trailer_section(b"X: y\r\n" * 33) == 431
