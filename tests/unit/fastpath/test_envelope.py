"""The scan of an A2A request beside a full JSON parser: the same answer on every body, in every split."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agw._fastpath.envelope import scan_envelope
from tests.oracles.envelopes import (
    AMBIGUOUS,
    ENVELOPES,
    INVALID,
    MESSAGE,
    NO_OBJECT,
    PARAMS,
    ROOM,
    RPC,
    VERSION,
    cuts,
    near,
    oracle,
    write,
)

DEEP = 512
SEND = (
    b'{"jsonrpc":"2.0","id":"7","method":"message/send",'
    b'"params":{"message":{"taskId":"t","contextId":"c","messageId":"m"}}}'
)
FOUND = (b"2.0", b"message/send", b'"7"', None, None, None, b"t", b"c", b"m")


def agree(body, *, rest=False):
    want, texts = oracle(body, rest=rest)
    whole = scan_envelope([body], rest)
    assert whole[0] == want, body
    if want == 0:
        # The envelope's id is kept as it stands: it has tests of its own.
        for slot in (1, 6, 7, 8, 4, 5, 3):
            assert whole[1][slot] == texts[slot], (slot, body)
    return whole


def test_what_a_request_says_of_itself():
    assert scan_envelope([SEND]) == (0, FOUND)


@pytest.mark.parametrize("at", range(len(SEND)))
def test_any_cut_makes_no_difference(at):
    assert scan_envelope([SEND[:at], SEND[at:]]) == (0, FOUND)


def test_byte_by_byte():
    assert scan_envelope([SEND[at : at + 1] for at in range(len(SEND))]) == (0, FOUND)


@pytest.mark.parametrize(
    ("body", "unknown"),
    [
        (b"", INVALID),
        (b"nonsense", NO_OBJECT),
        (b"[]", NO_OBJECT),
        (b"[" + SEND + b"]", NO_OBJECT),
        (b'"text"', NO_OBJECT),
        (b"7", NO_OBJECT),
        (SEND[:-1], INVALID),
        (SEND + b"}", INVALID),
        (SEND + SEND, INVALID),
        (SEND + b" \r\n\t", 0),
        (b"\xef\xbb\xbf" + SEND, NO_OBJECT),
        (SEND.replace(b'"2.0"', b'"1.0"'), VERSION),
        (SEND.replace(b'"2.0"', b"2.0"), VERSION),
        (b"{}", VERSION),
        (SEND.replace(b'"id"', b'"method":"x","id"'), AMBIGUOUS),
        (SEND.replace(b'"id"', b'"Method":"x","id"'), AMBIGUOUS),
        (SEND.replace(b'"id"', b'"m\\u0065thod":"x","id"'), AMBIGUOUS),
        (SEND.replace(b'"id"', '"param\u017f":1,"id"'.encode()), AMBIGUOUS),
        (SEND.replace(b'"taskId"', '"tas\u212aId":1,"taskId"'.encode()), AMBIGUOUS),
        (SEND.replace(b'"taskId"', b'"task_id":"u","taskId"'), AMBIGUOUS),
        (SEND.replace(b'"id"', b'"method\\u0000":"x","id"'), AMBIGUOUS),
        (SEND.replace(b'"m"', b'"\xc3"'), INVALID),
        (SEND.replace(b'"m"', b'"\xed\xa0\x80"'), INVALID),
        (SEND.replace(b'"m"', b"01"), INVALID),
        (SEND.replace(b'"m"', b"1."), INVALID),
        (SEND.replace(b'"m"', b"NaN"), INVALID),
        (SEND.replace(b'"m"', b"nul"), INVALID),
        (SEND.replace(b'"m"', b'"\x01"'), INVALID),
        (SEND.replace(b'"m"', b'"\\x"'), INVALID),
        (SEND.replace(b'"m"', b"[1,]"), INVALID),
        (SEND.replace(b'"m"', b'{"a":1,}'), INVALID),
    ],
)
def test_what_is_not_known_and_why(body, unknown):
    assert scan_envelope([body])[0] == unknown
    assert scan_envelope([body[at : at + 1] for at in range(len(body))])[0] == unknown


def test_depth_is_bounded():
    def nested(depth):
        return SEND.replace(b'"m"', b"[" * depth + b"]" * depth)

    assert scan_envelope([nested(DEEP - 3)])[0] == 0
    assert scan_envelope([nested(DEEP - 2)])[0] == 4
    assert scan_envelope([b'{"a":' * 100_000])[0] == 4


@pytest.mark.parametrize(
    ("sent", "kept"),
    [(b"1", b"1"), (b"-1.5e+9", b"-1.5e+9"), (b"null", None), (b"true", None), (b'"a\\"b"', b'"a\\"b"'), (b"{}", None)],
)
def test_the_id_of_an_envelope_is_kept_as_it_stands(sent, kept):
    assert scan_envelope([SEND.replace(b'"7"', sent)])[1][2] == kept


def test_members_elsewhere_are_none_of_its_business():
    inner = b'{"method":"x","params":{"message":{"taskId":"no"}},"taskId":"no","method":"y"}'
    body = SEND.replace(b'"message":{', b'"metadata":%s,"message":{"parts":[%s],"method":"z",' % (inner, inner))
    assert scan_envelope([body]) == (0, FOUND)


def test_a_long_text_is_none():
    assert scan_envelope([SEND.replace(b'"t"', b'"%s"' % (b"t" * ROOM))])[1][6] == b"t" * ROOM
    assert scan_envelope([SEND.replace(b'"t"', b'"%s"' % (b"t" * (ROOM + 1)))])[1][6] is None


@pytest.mark.parametrize("size", range(ROOM + 3))
def test_strings_of_every_length(size):
    text = (b"0123456789abcdef" * 9)[:size]
    members = {b'"params"': b'"x%s":"%s","params"', b'"messageId"': b'"y%s":"%s","messageId"'}
    body = SEND.replace(b'"t"', b'"%s"' % text).replace(b'"7"', b'"%s"' % text)
    for name, more in members.items():
        body = body.replace(name, more % (text, text))
    found = list(FOUND)
    found[2] = b'"%s"' % text if size + 2 <= ROOM else None
    found[6] = text if size <= ROOM else None
    assert scan_envelope([body]) == (0, tuple(found))
    assert scan_envelope([body[at : at + 1] for at in range(len(body))]) == (0, tuple(found))


@pytest.mark.parametrize("byte", range(256))
def test_what_ends_a_plain_run_wherever_it_is(byte):
    want = 0 if 0x20 <= byte < 0x80 and byte != ord('"') else INVALID
    for at in range(150):
        text = bytearray(b"n" * 151)
        text[at] = byte
        assert scan_envelope([SEND.replace(b'"m"', b'"%s"' % text)])[0] == want, at
        assert scan_envelope([b'{"%s":"","jsonrpc":"2.0"}' % text])[0] == want, at


@pytest.mark.parametrize("name", sorted({*RPC, *PARAMS, *MESSAGE}))
@pytest.mark.parametrize(
    "around", ['{"jsonrpc":"2.0","params":{"message":{%s}}}', '{"jsonrpc":"2.0","params":{%s}}', "{%s}"]
)
def test_names_and_what_is_like_them(name, around):
    for each in near(name):
        body = (around % f'"{each}":"2.0"').encode()
        whole = agree(body)
        assert scan_envelope([body[at : at + 1] for at in range(len(body))]) == whole
        assert scan_envelope([body.replace(each.encode(), b"\\u%04x" % ord(each[0]) + each[1:].encode())]) == whole
        agree(body, rest=True)


@settings(max_examples=300, deadline=None)
@given(ENVELOPES, st.booleans(), st.sampled_from(["", " "]), st.booleans(), st.integers(0, 1000))
def test_every_valid_body_as_a_full_parser_reads_it(value, escape, space, rest, seed):
    body = write(value, escape, space).encode()
    whole = agree(body, rest=rest)
    assert scan_envelope(cuts(body, seed), rest) == whole
    assert scan_envelope([body[at : at + 1] for at in range(len(body))], rest) == whole


@settings(max_examples=300, deadline=None)
@given(ENVELOPES, st.sampled_from(["", " "]), st.integers(0, 10_000), st.binary(min_size=1, max_size=3), st.booleans())
def test_every_damaged_body_as_a_full_parser_reads_it(value, space, at, bytes_, instead):
    body = write(value, escape=False, space=space).encode()
    at %= len(body)
    body = body[:at] + bytes_ + body[at + (len(bytes_) if instead else 0) :]
    whole = scan_envelope([body])
    # The scan gives up on the first thing that it sees, the parser on the first that is no JSON.
    want, _ = oracle(body)
    assert (whole[0] == 0) == (want == 0), body
    assert scan_envelope([body[at : at + 1] for at in range(len(body))]) == whole
