"""API keys at the wire: who gets in, who does not, what either can tell, and what becomes of the credential."""

import hashlib

import msgspec
import pytest

from agw.snapshot.model import ApiKeyAuth, Credential, CredentialSet, KeySource, Policy
from tests.wire.gateway import OK, entries, replies, serving

OLD, NEW = b"old-key-\xe9", b"new key"


def request(*lines, method=b"GET", path=b"/key", body=b""):
    return b"\r\n".join([method + b" " + path + b" HTTP/1.1", b"Host: a", *lines, b"", b""]) + body


def policy(gateway, *keys, **auth):
    """Serve /key with these keys: by default from Authorization: Bearer and X-API-Key."""
    changed = entries(gateway.agent_port)
    credentials = tuple(Credential(f"c{n}", hashlib.sha256(key).digest()) for n, key in enumerate(keys))
    changed["credentials/d/s"] = CredentialSet(ref="d/s", credentials=credentials)
    changed["policy/x"] = Policy(api_key=msgspec.structs.replace(ApiKeyAuth(credentials="credentials/d/s"), **auth))
    gateway.swap(changed)


async def ask(gateway, *lines, path=b"/key"):
    """Ask on a new connection; the answer."""
    client = await gateway.client(request(*lines, path=path))
    return await client.response()


LET_IN = [
    [b"X-API-Key: foo"],
    [b"x-api-key: foo"],
    [b"X-API-KEY:foo"],
    [b"X-API-Key: \t foo \t"],
    [b"Authorization: Bearer foo"],
    [b"authorization: bearer foo"],
    [b"Authorization: BEARER foo"],
    [b"Authorization: bEaReR   foo"],
    [b"Authorization: Basic eDp5", b"X-API-Key: foo"],
    [b"Authorization: Bearerfoo", b"X-API-Key: foo"],
    [b"X-API-Key: foo", b"X-Api-Key2: foo", b"Cookie: x-api-key=bar"],
]


@pytest.mark.parametrize("lines", LET_IN, ids=str)
async def test_let_in(lines):
    async with serving(replies(OK)) as gateway:
        assert (await ask(gateway, *lines)).status == 200


KEPT_OUT = [
    [],
    [b"X-API-Key:"],
    [b"X-API-Key: "],
    [b"X-API-Key: fo"],
    [b"X-API-Key: fooo"],
    [b"X-API-Key: FOO"],
    [b"X-API-Key: foo,"],
    [b"X-API-Key: foo, foo"],
    [b"X-API-Key: foo foo"],
    [b'X-API-Key: "foo"'],
    [b"X-API-Key: Bearer foo"],
    [b"X-API-Key: foo\xa0"],
    [b"X-API-Key: " + b"f" * 10_000],
    [b"X-API-Key: foo", b"X-API-Key: foo"],
    [b"X-API-Key: foo", b"x-api-key: bar"],
    [b"X-API-Key: foo", b"X-API-Key:"],
    [b"X-API-Key: foo", b"Authorization: Bearer foo"],
    [b"X-API-Key: foo", b"Authorization: Bearer"],
    [b"X-API-Key: foo", b"Authorization: Bearer bar"],
    [b"X-API-Key:", b"Authorization: Bearer foo"],
    [b"Authorization: foo"],
    [b"Authorization: Bearer"],
    [b"Authorization: Bearer "],
    [b"Authorization: Bearerfoo"],
    [b"Authorization: Bearer\tfoo"],
    [b"Authorization: Bearer foo, Bearer foo"],
    [b"Authorization: Bearer foo bar"],
    [b'Authorization: Bearer "foo"'],
    [b"Authorization: Bearer foo", b"Authorization: Bearer foo"],
    [b"Authorization: Basic eDp5", b"Authorization: Bearer foo"],
    [b"Authorization: Basic foo"],
    [b"Authorization: Digest foo"],
    [b"Proxy-Authorization: Bearer foo"],
    [b"X_API_Key: foo"],
    [b"Cookie: X-API-Key=foo"],
    [b"X-API-Key2: foo"],
    [b"Connection: x-api-key"],
]


@pytest.mark.parametrize("lines", KEPT_OUT, ids=lambda lines: str(lines)[:60])
@pytest.mark.parametrize("method", [b"GET", b"POST"])
async def test_kept_out(lines, method):
    async with serving(replies(OK)) as gateway:
        client = await gateway.client(request(*lines, method=method))
        message = await client.response()
        assert message.status == 401
        assert message.one("www-authenticate") == b'Bearer realm="agw"'
        assert gateway.received() == b""


async def test_why_it_was_refused_cannot_be_told():
    """Missing, wrong, doubled, revoked: one answer, byte for byte, but for its id and its date."""
    async with serving(replies(OK)) as gateway:
        policy(gateway, OLD)
        assert (await ask(gateway, b"X-API-Key: " + OLD)).status == 200
        policy(gateway, NEW)
        answers = [
            await ask(gateway, *lines)
            for lines in (
                [],
                [b"X-API-Key: wrong"],
                [b"X-API-Key: " + OLD],
                [b"Authorization: Bearer"],
                [b"X-API-Key:"],
            )
        ]
        policy(gateway)
        answers.append(await ask(gateway, b"X-API-Key: " + NEW))
        told = {
            (
                answer.start,
                answer.body,
                *(field for field in answer.fields if field[0] not in {b"Date", b"X-Request-Id"}),
            )
            for answer in answers
        }
        assert len(told) == 1
        assert b"key" not in answers[0].body.replace(b"API key", b"")


async def test_no_keys_at_all_let_nobody_in():
    async with serving(replies(OK)) as gateway:
        for keys in ((), (b"",)):
            policy(gateway, *keys)
            for lines in (
                [],
                [b"X-API-Key:"],
                [b"X-API-Key: x"],
                [b"Authorization: Bearer"],
                [b"Authorization: Bearer  "],
            ):
                assert (await ask(gateway, *lines)).status == 401


async def test_a_key_is_revoked_for_the_next_request_of_an_open_connection():
    data = request(b"X-API-Key: " + OLD)
    async with serving(replies(OK)) as gateway:
        policy(gateway, OLD)
        client = await gateway.client(data)
        assert (await client.response()).status == 200
        policy(gateway, NEW)
        await client.send(data)
        assert (await client.response()).status == 401
        await client.send(request(b"X-API-Key: " + NEW))
        assert (await client.response()).status == 200
        policy(gateway, OLD, NEW)
        for key in (OLD, NEW):
            await client.send(request(b"Authorization: Bearer " + key))
            assert (await client.response()).status == 200


async def test_a_key_is_bytes_and_nothing_else():
    keys = (b"\xff\xfe", b"a\tb", b"a  b", b"\xc3\xa9", b"a,b", b'"', b"x" * 9000)
    async with serving(replies(OK)) as gateway:
        policy(gateway, *keys)
        for key in keys:
            assert (await ask(gateway, b"X-API-Key: " + key)).status == 200, key
        for wrong in (b"\xe9", b"a b", b"a", b"x" * 8999):
            assert (await ask(gateway, b"X-API-Key: " + wrong)).status == 401, wrong


@pytest.mark.parametrize(
    ("lines", "gone", "stays"),
    [
        ([b"X-API-Key: foo"], "x-api-key", {}),
        ([b"X-API-Key: foo", b"Authorization: Basic eDp5"], "x-api-key", {"authorization": b"Basic eDp5"}),
        ([b"Authorization: Bearer foo"], "authorization", {}),
        ([b"Authorization: Bearer foo", b"X-Api-Key-2: foo"], "authorization", {"x-api-key-2": b"foo"}),
    ],
)
async def test_the_credential_that_was_used_goes_and_every_other_one_stays(lines, gone, stays):
    more = [b"Cookie: x-api-key=foo", b"X-Other-Key: foo"]
    async with serving(replies(OK)) as gateway:
        assert (await ask(gateway, *more, *lines)).status == 200
        [message] = gateway.requests()
        assert message.all(gone) == []
        for name, value in ({"cookie": b"x-api-key=foo", "x-other-key": b"foo"} | stays).items():
            assert message.all(name) == [value]


async def test_the_credential_can_be_kept():
    async with serving(replies(OK)) as gateway:
        policy(gateway, b"foo", forward_credential=True)
        assert (await ask(gateway, b"X-API-Key: foo")).status == 200
        assert gateway.requests()[0].one("x-api-key") == b"foo"


async def test_where_no_key_is_asked_for_credentials_are_the_agents():
    lines = [b"Authorization: Bearer foo", b"X-API-Key: foo", b"Cookie: a=b"]
    async with serving(replies(OK)) as gateway:
        assert (await ask(gateway, *lines, path=b"/")).status == 200
        [message] = gateway.requests()
        assert message.one("authorization") == b"Bearer foo"
        assert message.one("x-api-key") == b"foo"


SOURCES = (KeySource("x-team-key"), KeySource("authorization", "Token"))


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([b"X-Team-Key: foo"], 200),
        ([b"x-TEAM-key: foo"], 200),
        ([b"Authorization: token foo"], 200),
        ([b"Authorization: Token foo", b"X-API-Key: bar"], 200),
        ([b"X-Team-Key: foo", b"Authorization: Bearer foo"], 200),
        ([b"X-API-Key: foo"], 401),
        ([b"Authorization: Bearer foo"], 401),
        ([b"X-Team-Key: foo", b"X-Team-Key: foo"], 401),
        ([b"X-Team-Key: foo", b"Authorization: Token foo"], 401),
        ([b"X-Team-Key: foo", b"Connection: x-team-key"], 401),
        ([b"X_Team_Key: foo"], 401),
        ([b"X-Team-Ke: foo"], 401),
        ([b"X-Team-Keyy: foo"], 401),
    ],
    ids=str,
)
async def test_other_places(lines, status):
    async with serving(replies(OK)) as gateway:
        policy(gateway, b"foo", sources=SOURCES)
        assert (await ask(gateway, *lines)).status == status
        if status == 200:
            [message] = gateway.requests()
            assert b"foo" not in b"".join(value for name, value in message.fields if name.lower() == b"x-team-key")


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([], 200),
        ([b"Authorization: Basic eDp5"], 200),
        ([b"X-API-Key: foo"], 200),
        ([b"X-API-Key: wrong"], 401),
        ([b"X-API-Key:"], 401),
        ([b"Authorization: Bearer"], 401),
        ([b"Authorization: Bearer\tfoo"], 401),
        ([b"X-API-Key: foo", b"Authorization: Bearer foo"], 401),
        ([b"X-API-Key: foo", b"X-API-Key: foo"], 401),
    ],
    ids=str,
)
async def test_where_a_key_is_optional_only_none_at_all_is_let_through(lines, status):
    async with serving(replies(OK)) as gateway:
        policy(gateway, b"foo", mode="Optional")
        assert (await ask(gateway, *lines)).status == status


async def test_a_route_that_is_not_there_says_nothing_of_keys():
    async with serving(replies(OK), path="/only") as gateway:
        for lines in ([], [b"X-API-Key: foo"], [b"X-API-Key: wrong"]):
            assert (await ask(gateway, *lines, path=b"/other")).status == 404
