"""Heads in breadth, where test_http1_rows.py has one case a row: every byte of a class, every spelling that hides a
framing, limits to the byte, and what the fields of one hop mean. Each case however it is cut.
"""

from functools import partial

import pytest

from agw._fastpath.http1_head import bench_parse, parse_request, parse_response
from tests.unit.fastpath.cuts import same_however_cut

NONE, LENGTH, CHUNKED, UNTIL_CLOSE = range(4)  # message.pxd Framing
DROP = 1  # message.pxd FieldFlag
CONTROLS = (*range(9), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F)


def request(*lines, target=b"/", host=b"Host: a\r\n", minor=b"1"):
    first = b"POST " + target + b" HTTP/1." + minor + b"\r\n"
    return first + host + b"".join(each + b"\r\n" for each in lines) + b"\r\n"


def answer(*lines, first=b"HTTP/1.1 200 OK"):
    return b"".join(each + b"\r\n" for each in (first, *lines)) + b"\r\n"


def accepted(data, parse=parse_request):
    head = same_however_cut(parse, data)
    assert isinstance(head, dict), head
    return head


def field(head, name):
    """(value, dropped) of each field of a name."""
    return [(value, flags & DROP == DROP) for key, value, flags in head["fields"] if key.lower() == name.lower()]


@pytest.mark.parametrize("byte", [*range(0x20), *b'"<>\\^`{|}#', *range(0x7F, 0x100)], ids=hex)
def test_10_11_12_bytes_that_no_target_holds(byte):
    for target in (b"/a%cb", b"/?a%cb", b"http://a/%cb"):
        assert same_however_cut(parse_request, request(target=target % byte)) == 400


@pytest.mark.parametrize(
    "byte", [*range(9), *range(0x0B, 0x0D), *range(0x0E, 0x21), *b'"(),/;<=>?@[\\]{}', 0x7F, 0x80, 0xFF]
)
def test_41_bytes_that_no_name_holds(byte):
    assert same_however_cut(parse_request, request(b"X%cY: z" % byte)) == 400
    assert same_however_cut(parse_response, answer(b"X%cY: z" % byte)) == 502


@pytest.mark.parametrize("byte", CONTROLS, ids=hex)
def test_43_47_controls_in_a_value(byte):
    assert same_however_cut(parse_request, request(b"X: y%cz" % byte)) == 400
    assert same_however_cut(parse_response, answer(b"X: y%cz" % byte)) == 502
    assert same_however_cut(parse_response, answer(first=b"HTTP/1.1 200 y%cz" % byte)) == 502


HOSTS = b'u@a|u:p@a|a?x|a#x|http://a|a, b|a;b|a%41|a\\b|a<b|"a"|a*b|caf\xc3\xa9|.|:80|a:|a:x|a:65536|a:-1|a:+80|a:80:80'


@pytest.mark.parametrize(
    "value", [*HOSTS.split(b"|"), b"a:0x50", b"::1", b"[]", b"[::1]x", b"[::g]", b"[[::1]]", b"a\tb"]
)
def test_31_to_35_hosts(value):
    assert same_however_cut(parse_request, request(host=b"Host: " + value + b"\r\n")) == 400


def test_15_the_target_and_host_must_agree_on_the_port():
    assert same_however_cut(parse_request, request(target=b"http://a:8080/")) == 400
    assert accepted(request(target=b"HTTP://A?x"))["query"] == b"x"


LENGTHS = b'3, 3|3,|3 3|-3|3.0|3e1|three|3;|"3"|\xb2|00|3_0|9223372036854775808|18446744073709551619'


@pytest.mark.parametrize("value", LENGTHS.split(b"|"))
def test_59_to_62_117_lengths(value):
    line = b"Content-Length: " + value
    assert same_however_cut(parse_request, request(line)) == 400
    assert same_however_cut(parse_response, answer(line)) == 502


HIDDEN = (
    b'chunked, identity|chunked; a|chunked,|chunked,,||,|"chunked"|chunked chunked|\x0bchunked|chunked\x0c|chunked\0'
)


@pytest.mark.parametrize("value", [*HIDDEN.split(b"|"), b"chunked\xa0", b"=chunked", b"chunked/", b"gzip;q=1, chunked"])
def test_72_to_77_codings_that_hide_one(value):
    line = b"Transfer-Encoding: " + value
    assert same_however_cut(parse_request, request(line)) == 400
    assert same_however_cut(parse_response, answer(line)) == 502


@pytest.mark.parametrize("value", [b"identity", b"xchunked", b"chunked1", b"gzip , chunked", b"GZIP"])
def test_72_codings_that_are_not_known(value):
    assert same_however_cut(parse_request, request(b"Transfer-Encoding: " + value)) == 501
    assert same_however_cut(parse_response, answer(b"Transfer-Encoding: " + value)) == 502


@pytest.mark.parametrize("prefix", [b"X: y\n", b"X: y\r", b"X: y\r\n ", b" ", b"\0", b"\x0b"])
@pytest.mark.parametrize("framing", [b"Transfer-Encoding: chunked", b"Content-Length: 3"])
def test_64_77_a_framing_behind_something_odd(prefix, framing):
    assert same_however_cut(parse_request, request(prefix + framing)) == 400


def test_42_names_with_underscore_are_dropped_and_never_aliased():
    head = accepted(request(b"Content_Length: 3", b"Transfer_Encoding: chunked", b"X_Forwarded_For: b"))
    assert head["framing"] == NONE
    assert [flags for _, _, flags in head["fields"]] == [DROP] * 4


def test_51_limits_to_the_byte():
    long_line = partial(parse_request, max_line=64)
    accepted(request(b"X: " + b"a" * 61), long_line)
    assert same_however_cut(long_line, request(b"X: " + b"a" * 62)) == 431
    accepted(request(target=b"/" + b"a" * 49), long_line)
    assert same_however_cut(long_line, request(target=b"/" + b"a" * 50)) == 414
    data = request(b"X: " + b"a" * 100, b"Y: " + b"a" * 100)
    accepted(data, partial(parse_request, max_head=len(data)))
    assert same_however_cut(partial(parse_request, max_head=len(data) - 1), data) == 431


@pytest.mark.parametrize("names", [[b"X"] * 99, [b"X%d" % i for i in range(99)]], ids=["one name", "many names"])
def test_52_53_a_hundred_fields_and_no_more(names):
    lines = [name + b": y" for name in names]
    accepted(request(*lines))
    assert same_however_cut(parse_request, request(*lines, b"X: y")) == 431


@pytest.mark.parametrize("data", [request(b"X: y"), answer(b"X: y")], ids=["request", "response"])
def test_54_no_head_before_its_last_byte(data):
    parse = parse_request if data.startswith(b"POST") else parse_response
    for end in range(len(data)):
        assert same_however_cut(parse, data[:end]) is None


HOP = b"Connection Keep-Alive Proxy-Connection TE Trailer Upgrade HTTP2-Settings Proxy-Authorization".split()
KEPT = b"Authorization X-API-Key Cookie X-Forwarded-For X-Forwarded-Proto X-Forwarded-Host X-Forwarded-Port Forwarded Via".split()


@pytest.mark.parametrize("name", HOP)
def test_96_101_fields_of_one_hop_are_dropped(name):
    assert field(accepted(request(name + b": x")), name) == [(b"x", True)]


@pytest.mark.parametrize("name", [*KEPT, b"traceparent", b"tracestate", b"X-Request-Id"])
def test_97_what_others_trust_cannot_be_nominated(name):
    assert field(accepted(request(name + b": x", b"Connection: " + name.lower())), name) == [(b"x", False)]


def test_96_97_nomination_is_folded_works_backwards_and_spares_framing():
    head = accepted(request(b"x-a: 1", b"Connection: X-A, x-b,,host, content-length", b"X-B: 2", b"Content-Length: 3"))
    assert [field(head, name)[0][1] for name in (b"x-a", b"x-b")] == [True, True]
    assert (head["framing"], head["content_length"], head["host"]) == (LENGTH, 3, b"a")


def test_99_100_expectations():
    assert same_however_cut(parse_request, request(b"Expect: 100-continue", b"Expect: 100-continue")) == 417
    assert same_however_cut(parse_request, request(b"Expect: 100-continue;q=1")) == 417
    assert not accepted(request(b"Expect: 100-continue", minor=b"0"))["expect_continue"]


@pytest.mark.parametrize(
    ("status", "line", "to_head", "framing"),
    [
        (b"200", b"Content-Length: 3", False, LENGTH),
        (b"200", b"Transfer-Encoding: chunked", False, CHUNKED),
        (b"200", b"X: y", False, UNTIL_CLOSE),
        (b"200", b"Content-Length: 3", True, NONE),
        (b"200", b"Transfer-Encoding: chunked", True, NONE),
        (b"200", b"X: y", True, NONE),
        (b"204", b"Content-Length: 3", False, NONE),
        (b"304", b"Transfer-Encoding: chunked", False, NONE),
        (b"101", b"Upgrade: x", False, NONE),
        (b"103", b"X: y", False, NONE),
    ],
)
def test_120_to_127_framing_of_a_response(status, line, to_head, framing):
    head = accepted(answer(line, first=b"HTTP/1.1 " + status), partial(parse_response, to_head_request=to_head))
    assert head["framing"] == framing


@pytest.mark.parametrize(
    ("minor", "line", "keep"),
    [
        (b"1", b"X: y", True),
        (b"1", b"Connection: Close", False),
        (b"0", b"X: y", False),
        (b"0", b"Connection: keep-alive", True),
    ],
)
def test_127_whether_an_upstream_may_be_used_again(minor, line, keep):
    head = accepted(answer(b"Content-Length: 0", line, first=b"HTTP/1." + minor + b" 200 OK"), parse_response)
    assert head["keep_alive"] == keep


def test_132_fields_of_one_hop_are_dropped_from_responses():
    lines = [name + b": x" for name in HOP[1:6]]
    head = accepted(answer(*lines, b"Connection: x-nominated", b"X-Nominated: x", b"X: y"), parse_response)
    assert [name for name, _, flags in head["fields"] if not flags] == [b"X"]


def test_the_bench_parses_the_same():
    assert bench_parse(request(), 2) == 0
    assert bench_parse(request(host=b""), 2) == 400
