"""API keys in a query or a cookie: found, counted together with those in headers, and taken out of what the agent gets."""

import hashlib
from contextlib import asynccontextmanager
from itertools import combinations

import pytest

from agw.resources.agentgateway import KeySource as Source
from agw.snapshot.model import (
    ApiKeyAuth,
    Attachment,
    Credential,
    CredentialSet,
    KeySource,
    Match,
    PathMatch,
    Policy,
    Rule,
    WeightedBackend,
)
from agw.translate import key_sources
from tests.wire.gateway import OK, replies, serving

KEY = b"s3cret/+%=x"
SOURCES = (KeySource("x-api-key"), KeySource(query="api_key"), KeySource(cookie="session"))


@asynccontextmanager
async def guarded(**auth):
    more = {
        "policy/p": Policy(api_key=ApiKeyAuth(credentials="credentials/d/p", sources=SOURCES, **auth)),
        "credentials/d/p": CredentialSet(ref="d/p", credentials=(Credential("c", hashlib.sha256(KEY).digest()),)),
    }
    async with serving(replies(OK), rule={"policy": "policy/p"}, more=more) as gateway:
        yield gateway


def get(target=b"/", *fields):
    return b"".join((b"GET %s HTTP/1.1\r\nHost: a\r\n" % target, *(field + b"\r\n" for field in fields), b"\r\n"))


PLAIN = KEY.replace(b"%", b"%25")
ENCODED = b"".join(b"%%%02x" % byte for byte in KEY)
LET_IN = [
    (get(b"/?api_key=" + PLAIN), b"/", None),
    (get(b"/?api_key=" + ENCODED), b"/", None),
    (get(b"/?a=1&api_key=" + ENCODED + b"&b=2"), b"/?a=1&b=2", None),
    (get(b"/?a=1&api_key=" + ENCODED), b"/?a=1", None),
    (get(b"/?api_key=" + ENCODED + b"&b=2"), b"/?b=2", None),
    (get(b"/?%61pi%5Fkey=" + ENCODED + b"&b=%20"), b"/?b=%20", None),
    (get(b"/?API_KEY=no&api_key=" + ENCODED), b"/?API_KEY=no", None),
    (get(b"/?api_key&api_key=" + ENCODED), b"/?api_key", None),
    (get(b"/?b=2", b"Cookie: session=" + KEY), b"/?b=2", []),
    (get(b"/", b'Cookie: session="%s"' % KEY), b"/", []),
    (get(b"/", b"Cookie: a=1; session=%s; b=2" % KEY), b"/", [b"a=1; b=2"]),
    (get(b"/", b"Cookie: a=1;session=%s" % KEY), b"/", [b"a=1"]),
    (get(b"/", b"Cookie: session=%s;b=2" % KEY), b"/", [b"b=2"]),
    (get(b"/", b"Cookie: a=1", b"Cookie: session=%s" % KEY), b"/", [b"a=1"]),
    (get(b"/", b"Cookie: Session=no; session=%s" % KEY), b"/", [b"Session=no"]),
    (get(b"/?a=1", b"X-API-Key: " + KEY, b"Cookie: a=1"), b"/?a=1", [b"a=1"]),
]
REFUSED = [
    get(),
    get(b"/?"),
    get(b"/?api_key="),
    get(b"/?api_key=wrong"),
    get(b"/?api_key"),
    get(b"/?xapi_key=" + ENCODED),
    get(b"/?api_keyx=" + ENCODED),
    get(b"/api_key=s3cret"),
    get(b"/?api_key=" + ENCODED + b"&api_key=" + ENCODED),
    get(b"/?api_key=" + ENCODED, b"X-API-Key: " + KEY),
    get(b"/?api_key=wrong", b"X-API-Key: " + KEY),
    get(b"/?api_key=" + b"%41" * 5_000),
    get(b"/", b"Cookie: session="),
    get(b"/", b"Cookie: session=wrong"),
    get(b"/", b"Cookie: xsession=" + KEY),
    get(b"/", b"Cookie: session=%s; session=%s" % (KEY, KEY)),
    get(b"/", b"Cookie: session=" + KEY, b"Cookie: session=" + KEY),
    get(b"/?session=" + ENCODED, b"Cookie: api_key=" + KEY),
    get(b"/", b'Cookie: session="%s' % KEY),
]


@pytest.mark.parametrize(("request_", "target", "cookies"), LET_IN)
async def test_a_key_lets_in_and_goes_no_further(request_, target, cookies):
    async with guarded() as gateway:
        client = await gateway.client(request_)
        assert (await client.response()).status == 200
        [arrived] = gateway.requests()
        assert arrived.start[1] == target
        assert arrived.all("cookie") == (cookies or [])
        assert KEY not in gateway.received()
        assert ENCODED not in gateway.received()
        await client.send(request_)  # the connection is as good as before
        assert (await client.response()).status == 200


@pytest.mark.parametrize("request_", REFUSED)
async def test_no_key_a_wrong_one_or_two_are_refused(request_):
    async with guarded() as gateway:
        client = await gateway.client(request_)
        assert (await client.response()).status == 401
        assert gateway.received() == b""


async def test_where_the_agent_is_to_see_it_all_arrives_as_it_came():
    async with guarded(forward_credential=True) as gateway:
        client = await gateway.client(get(b"/?a=1&api_key=" + ENCODED + b"&b", b"Cookie: a=1; b=2"))
        assert (await client.response()).status == 200
        [arrived] = gateway.requests()
        assert arrived.start[1] == b"/?a=1&api_key=" + ENCODED + b"&b"
        assert arrived.all("cookie") == [b"a=1; b=2"]


CARD = b"/.well-known/agent-card.json"
OF_A_CARD = [
    (get(CARD, b"X-API-Key: " + KEY, b"X-Other: 1"), CARD, []),
    (get(CARD + b"?api_key=" + ENCODED), CARD, []),
    (get(CARD + b"?a=1&api_key=" + ENCODED + b"&b=2&%61pi_key=x&c"), CARD + b"?a=1&b=2&c", []),
    (get(CARD + b"?api_key=1&api_key=" + ENCODED + b"&b=2"), CARD + b"?b=2", []),
    (get(CARD + b"?b=2&", b"Cookie: session=%s" % KEY), CARD + b"?b=2&", []),
    (get(CARD, b"Cookie: session=1; a=1; session=%s; b=2; session=3" % KEY), CARD, [b"a=1; b=2"]),
    (get(CARD, b"Cookie: session=%s;a=1" % KEY, b"Cookie: session=2"), CARD, [b"a=1"]),
    (get(CARD + b"?a=1&&b=2", b"Cookie: a=1; b=2"), CARD + b"?a=1&&b=2", [b"a=1; b=2"]),
]


@pytest.mark.parametrize(("request_", "target", "cookies"), OF_A_CARD)
async def test_the_agent_sees_no_key_of_who_asks_for_a_public_card(request_, target, cookies):
    async with guarded(public_agent_card=True) as gateway:
        client = await gateway.client(request_ + get(b"/", b"X-API-Key: " + KEY))
        assert [(await client.response()).status for _ in range(2)] == [200, 200]
        arrived, following = gateway.requests()
        assert arrived.start[1] == target
        assert arrived.all("cookie") == cookies
        assert arrived.all("x-api-key") == following.all("x-api-key") == []
        assert KEY not in gateway.received()


async def test_it_does_where_the_policy_says_so():
    async with guarded(public_agent_card=True, forward_credential=True) as gateway:
        client = await gateway.client(get(CARD + b"?api_key=1", b"X-API-Key: " + KEY))
        assert (await client.response()).status == 200
        assert gateway.requests()[0].start[1] == CARD + b"?api_key=1"
        assert gateway.requests()[0].all("x-api-key") == [KEY]


PLACES = [
    Source(header="Authorization"),
    Source(header="authorization", scheme="Bearer"),
    Source(header="Authorization", scheme="bearer"),
    Source(header="Authorization", scheme="Basic"),
    Source(header="X-API-Key"),
    Source(header="x-api-key", scheme="Key"),
    Source(header="Cookie"),
    Source(header="cookie", scheme="Key"),
    Source(header="Cookie", scheme="k"),
    Source(cookie="k"),
    Source(cookie="K"),
    Source(query="k"),
    Source(query="authorization"),
    Source(header="k"),
    Source(header="api-key"),
    Source(header="api_key"),
    Source(header="Via"),
    Source(header="A2A-Version"),
    Source(header="Content-Type"),
    *(Source(header=name) for name in sorted(key_sources.DROPPED)),
]
WITH = {"connection": b"close", "content-length": b"0", "transfer-encoding": b"chunked", "expect": b"100-continue"}


def by(source, target):
    """A request whose key is where the source looks; where a value must be what it is, that is the key."""
    if source.query or source.cookie:
        name = (source.query or source.cookie).encode()
        return get(target + b"?%s=secret" % name) if source.query else get(target, b"Cookie: %s=secret" % name)
    if source.header == "host":
        return get(target).replace(b"Host: a", b"Host: secret")
    key = WITH.get(source.header.lower(), b"secret")
    field = f"{source.header}: {source.scheme and source.scheme + ' '}".encode() + key
    return get(target, field) + (b"0\r\n\r\n" if source.header == "transfer-encoding" else b"")


async def test_a_policy_is_told_of_just_those_places_by_which_nobody_gets_in():
    """Every place alone and beside every other: what translation says of each, against what becomes of a key there."""
    together = [*((place,) for place in PLACES), *combinations(PLACES, 2)]
    keys = [Credential(f"c{i}", hashlib.sha256(key).digest()) for i, key in enumerate({b"secret", *WITH.values()})]
    more = {"credentials/d/p": CredentialSet(ref="d/p", credentials=tuple(keys))}
    for at, sources in enumerate(together):
        auth = ApiKeyAuth(credentials="credentials/d/p", sources=key_sources.distinct(sources))
        more[f"policy/{at}"] = Policy(api_key=auth)
        more[f"rule/HTTPRoute/d/s/{at}"] = Rule(
            route="d/s",
            index=at,
            attachments=(Attachment("listener/d/g/http"),),
            matches=(Match(path=PathMatch("Exact", f"/{at}")),),
            backends=(WeightedBackend("backend/Backend/d/b"),),
            policy=f"policy/{at}",
        )
    wrong = []
    async with serving(replies(OK), more=more) as gateway:
        for at, sources in enumerate(together):
            told = {each.index for each in key_sources.unusable(sources)}
            for index, source in enumerate(sources):
                client = await gateway.client(by(source, b"/%d" % at))
                status = (await client.response()).status
                client.close()
                if status != (401 if index in told else 200):
                    wrong.append((sources, index, status))
    assert wrong == []
