"""Rate limits: who falls under which, what is taken and given back, and what clients are told."""

import asyncio
import hashlib
import re
from contextlib import asynccontextmanager

import msgspec
import pytest

from agw._fastpath.forwarding import Forwarding
from agw._fastpath.limits import own_memory
from agw.snapshot.model import ApiKeyAuth, AuthorizationRule, Credential, CredentialSet, Limit, Policy
from tests.wire.gateway import GET, OK, entries, replies, serving
from tests.wire.test_authorization import pieces
from tests.wire.test_operations import post, rpc

SEND, LOOK = rpc(b"message/send"), rpc(b"tasks/get")
LIMITED = 'reason="rate_limited"'
HOUR = 3600


def hourly(burst, per="Route", *operations, **more):
    """A limit that gives nothing back while a test runs."""
    return Limit(1, HOUR, burst, per, operations, **more)


@asynccontextmanager
async def limited(*limits, failures=None, authorization=None, keys=True, reply=OK, **settings):
    """A gateway whose policy has these limits, with the keys "a" of alice and "b" of bob."""
    async with serving(replies(reply), **settings) as gateway:
        served = entries(gateway.agent_port)
        auth = ApiKeyAuth(credentials="credentials/d/two", mode="Optional", failures=failures)
        policy = Policy(limits=limits, authorization=authorization, api_key=auth if keys else None)
        credentials = tuple(Credential(name, hashlib.sha256(name[:1].encode()).digest()) for name in ("alice", "bob"))
        everything = {
            **served,
            "credentials/d/two": CredentialSet(ref="d/two", credentials=credentials),
            "policy/l": policy,
        }
        for key in ("rule/HTTPRoute/d/r/0", "rule/HTTPRoute/d/r/3"):
            everything[key] = msgspec.structs.replace(served[key], policy="policy/l")
        backend = served["backend/Backend/d/b"]
        everything["backend/Backend/d/b"] = msgspec.structs.replace(backend, protocol="A2A")
        gateway.everything = everything
        gateway.swap(everything)
        yield gateway


def key(name, request):
    """A request with somebody's key."""
    head, _, body = request.partition(b"\r\n\r\n")
    return b"%s\r\nX-API-Key: %s\r\n\r\n%s" % (head, name, body)


def in_context(context=None, task=None, method=b"message/send"):
    named = b"".join(
        b',"%s":"%s"' % (name, value) for name, value in ((b"contextId", context), (b"taskId", task)) if value
    )
    return post(b'{"jsonrpc":"2.0","id":1,"method":"%s","params":{"message":{"parts":[]%s}}}' % (method, named))


async def statuses(gateway, *requests):
    """What each is answered, one after the other."""
    client, found = await gateway.client(), []
    for request in requests:
        await client.send(request)
        response = await client.response()
        found.append(response.status)
        if response.one("connection") == b"close":
            client = await gateway.client()
    return found


async def test_a_burst_is_taken_and_the_rest_refused_with_what_to_wait():
    async with limited(hourly(2)) as gateway:
        client = await gateway.client(GET)
        first = await client.response()
        assert first.status == 200
        assert first.one("ratelimit") == b'"route";r=1;t=3600'
        assert first.one("ratelimit-policy") == b'"route";q=1;w=3600'
        assert first.one("retry-after") is None
        await client.send(GET)
        assert (await client.response()).one("ratelimit") == b'"route";r=0;t=7200'
        await client.send(GET)
        refused = await client.response()
        assert refused.status == 429
        assert 3590 <= int(refused.one("retry-after")) <= 3600
        assert re.fullmatch(rb'"route";r=0;t=3[56]\d\d', refused.one("ratelimit"))
        assert b'"reason":"RATE_LIMITED"' in refused.body
        assert b'"status":"RESOURCE_EXHAUSTED"' in refused.body
        assert len(gateway.requests()) == 2
        assert gateway.count("agw_exchanges_total", LIMITED) == 1


async def test_who_speaks_json_rpc_is_refused_in_json_rpc_with_the_id_of_the_request():
    async with limited(hourly(1, "Route", "SendMessage")) as gateway:
        client = await gateway.client(post(SEND))
        assert (await client.response()).status == 200
        await client.send(post(SEND.replace(b'"id":1', b'"id":"seven"', 1)))
        refused = await client.response()
        assert refused.status == 429
        body = msgspec.json.decode(refused.body)
        assert body["id"] == "seven"
        assert body["error"]["data"][0]["reason"] == "RATE_LIMITED"
        assert body["error"]["message"].startswith("429 ")


@pytest.mark.parametrize(
    ("per", "same", "another"),
    [
        ("Consumer", [key(b"a", GET)] * 2, key(b"b", GET)),
        ("Consumer", [GET] * 2, key(b"a", GET)),
        ("Context", [in_context(b"c"), in_context(b"c", b"t")], in_context(b"d")),
        ("Context", [in_context(None, b"t")] * 2, in_context(None, b"u")),
        ("Context", [post(LOOK), in_context(None, b"t")], in_context(b"t")),
        ("Context", [in_context()] * 2, in_context(b"c")),
        ("Context", [in_context(b"c")] * 2, key(b"a", in_context(b"c"))),
        ("Context", [b"GET /v1/tasks/t HTTP/1.1\r\nHost: a\r\n\r\n", post(LOOK)], GET),
        (
            "Context",
            [b"GET /v1/tasks/t HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /v1/tasks/%74 HTTP/1.1\r\nHost: a\r\n\r\n"],
            GET,
        ),
        (
            "Context",
            [in_context(b"c"), b"GET /v1/tasks?contextId=%63 HTTP/1.1\r\nHost: a\r\n\r\n"],
            b"GET /v1/tasks?contextId=d HTTP/1.1\r\nHost: a\r\n\r\n",
        ),
        (
            "Context",
            [post(b'{"message":{"contextId":"c"}}', b"/v1/message:send"), in_context(b"c")],
            post(b'{"message":{"contextId":"d"}}', b"/v1/message:send"),
        ),
    ],
)
async def test_each_is_counted_on_its_own(per, same, another):
    async with limited(hourly(1, per)) as gateway:
        assert await statuses(gateway, *same, another) == [200, 429, 200]


async def test_a_route_is_counted_over_its_rules():
    async with limited(hourly(1)) as gateway:
        assert await statuses(gateway, GET, GET.replace(b"/ ", b"/empty "), GET) == [200, 429, 429]


@pytest.mark.parametrize(
    ("one", "same", "another"),
    [
        (b"192.0.2.1", b"192.0.2.1", b"192.0.2.2"),
        (b"2001:db8::1", b"2001:db8::ffff:0:0:9", b"2001:db8:0:1::1"),
    ],
)
async def test_a_client_is_known_by_the_address_behind_the_trusted_hops(one, same, another):
    told = [GET.replace(b"\r\n\r\n", b"\r\nX-Forwarded-For: %s\r\n\r\n" % each) for each in (one, same, another)]
    hops = Forwarding(trusted_hops=1, trusted_peers=["127.0.0.0/8"])
    async with limited(hourly(1, "ClientIP"), forwarding=hops) as gateway:
        assert await statuses(gateway, *told) == [200, 429, 200]


async def test_operations_that_a_limit_names_are_counted_and_others_are_not():
    async with limited(hourly(1, "Route", "SendMessage", "SendStreamingMessage")) as gateway:
        stream = post(rpc(b"SendStreamingMessage"))
        rest = post(b'{"message":{}}', b"/v1/message:send")
        assert await statuses(gateway, post(LOOK), GET, post(SEND), stream, rest, post(LOOK), GET) == [
            *(200, 200, 200),
            *(429, 429),
            *(200, 200),
        ]


@pytest.mark.parametrize(
    "unread",
    [
        post(b"no json"),
        post(b"[%s]" % LOOK),
        post(LOOK, media=b"text/plain"),
        post(LOOK, media=b"application/json; charset=utf-16"),
        post(LOOK.replace(b'"id":1', b'"id":1,"method":"message/send"')),
        post(b'{"message":{},"method":"message/send"}', b"/v1/tasks/7:cancel"),
    ],
)
@pytest.mark.parametrize("whole", [True, False])
async def test_what_nobody_can_read_counts_as_any_operation_and_is_forwarded(unread, whole):
    async with limited(hourly(1, "Route", "SendMessage")) as gateway:
        client = await gateway.client()
        await client.send(*([unread] if whole else pieces(unread)))
        assert (await client.response()).status == 200
        assert unread.endswith(gateway.requests()[0].body)
        assert await statuses(gateway, unread, post(SEND), post(LOOK)) == [429, 429, 200]


async def test_where_one_limit_has_no_room_the_others_are_left_as_they_were():
    async with limited(hourly(3), hourly(1, "Consumer")) as gateway:
        alice, bob = key(b"a", GET), key(b"b", GET)
        assert await statuses(gateway, alice, *[alice] * 5, bob, GET, GET) == [200, *[429] * 5, 200, 200, 429]


async def test_the_client_is_told_of_the_limit_with_least_left():
    async with limited(hourly(9), hourly(2, "Consumer"), hourly(5, "Consumer", "SendMessage")) as gateway:
        response = await (await gateway.client(post(SEND))).response()
        assert response.one("ratelimit").startswith(b'"consumer";r=1;')
        names = re.findall(rb'"([^"]+)"', response.one("ratelimit-policy"))
        assert names == [b"route", b"consumer", b"consumer-2"]


async def test_what_an_agent_says_of_its_own_limits_is_left_beside():
    reply = OK.replace(b"\r\n\r\n", b'\r\nRateLimit: "its";r=1\r\n\r\n')
    async with limited(hourly(9), reply=reply) as gateway:
        response = await (await gateway.client(GET)).response()
        assert response.all("ratelimit") == [b'"its";r=1', b'"route";r=8;t=3600']


async def test_agent_cards_are_counted_apart():
    card = b"GET /.well-known/agent-card.json HTTP/1.1\r\nHost: a\r\n\r\n"
    async with limited(hourly(1), rewrite_card=lambda *_: None) as gateway:
        assert await statuses(gateway, GET, GET, card, card) == [200, 429, 200, 429]


async def test_the_extended_card_is_counted_as_any_operation():
    card = b"GET /v1/card HTTP/1.1\r\nHost: a\r\n\r\n"
    call = post(rpc(b"agent/getAuthenticatedExtendedCard"))
    async with limited(hourly(1), rewrite_card=lambda *_: None) as gateway:
        assert await statuses(gateway, GET, card, call) == [200, 429, 429]
    async with limited(hourly(2, "Route", "GetExtendedAgentCard"), rewrite_card=lambda *_: None) as gateway:
        assert await statuses(gateway, call, card, call, card, post(LOOK)) == [200, 200, 429, 429, 200]


async def test_a_card_tells_what_is_left():
    card = b"GET /v1/card HTTP/1.1\r\nHost: a\r\n\r\n"
    for answer in (None, (200, b"{}", 'W/"x"'), (304, b"", 'W/"x"'), (502, b"", "")):
        async with limited(hourly(9), rewrite_card=lambda *_, answer=answer: answer) as gateway:
            client = await gateway.client(card)
            assert b";r=8;" in (await client.response()).one("ratelimit")


async def test_who_is_not_let_in_takes_nothing():
    rules = (AuthorizationRule("Allow", consumers=("alice",)),)
    async with limited(hourly(1), authorization=rules) as gateway:
        assert await statuses(gateway, *[key(b"b", GET)] * 3, key(b"a", GET)) == [403, 403, 403, 200]


async def test_what_authorization_refuses_by_operation_takes_nothing():
    rules = (AuthorizationRule("Allow", operations=("GetTask",)),)
    async with limited(hourly(1, "Route", "SendMessage", "GetTask"), authorization=rules) as gateway:
        assert await statuses(gateway, *[post(SEND)] * 3, post(LOOK), post(LOOK)) == [403, 403, 403, 200, 429]


async def test_a_reload_keeps_the_count_of_a_limit_that_stays():
    async with limited(hourly(2), hourly(1, "Consumer")) as gateway:
        assert await statuses(gateway, GET) == [200]
        for limits in [(hourly(1, "Consumer"), hourly(2), hourly(7)), (hourly(2), hourly(1, "Consumer"))]:
            gateway.swap({**gateway.everything, "policy/l": Policy(limits=limits)})
            assert await statuses(gateway, GET) == [429]
        gateway.swap({**gateway.everything, "policy/l": Policy(limits=(hourly(2),))})
        assert await statuses(gateway, GET, GET) == [200, 429]


async def test_two_workers_count_in_one_memory():
    memory = own_memory()
    async with limited(hourly(3), limits=memory) as one, limited(hourly(3), limits=memory) as other:
        found = [await statuses(gateway, GET) for gateway in (one, other, one, other, one)]
        assert found == [[200], [200], [200], [429], [429]]


async def test_a_body_is_held_for_its_context_no_longer_than_it_may_be():
    body = b'{"jsonrpc":"2.0","id":1,"method":"message/send","params":{"message":{"parts":["%s"],"contextId":"c"}}}'
    large = post(body % (b"x" * 1_000_000))
    async with limited(hourly(1, "Context")) as gateway:
        assert await statuses(gateway, large, in_context(), in_context(b"c")) == [200, 429, 200]
        assert large.endswith(gateway.requests()[0].body)


async def test_many_at_once_take_what_there_is():
    async with limited(hourly(40)) as gateway:
        found = await asyncio.gather(*(statuses(gateway, GET, GET, GET) for _ in range(30)))
        answers = [status for each in found for status in each]
        assert answers.count(200) == 40
        assert answers.count(429) == 50


# --- wrong keys ----------------------------------------------------------------------------------------------------


async def test_an_address_that_guesses_keys_is_answered_429_whatever_its_key():
    async with limited(failures=hourly(3, "ClientIP")) as gateway:
        wrong = [key(b"guess%d" % n, GET) for n in range(4)]
        assert await statuses(gateway, key(b"a", GET), GET, *wrong[:3]) == [200, 200, 401, 401, 401]
        client = await gateway.client(key(b"a", GET))
        refused = await client.response()
        assert refused.status == 429
        assert int(refused.one("retry-after")) > 0
        assert refused.one("ratelimit") is None
        assert await statuses(gateway, wrong[3], GET) == [429, 429]


async def test_no_key_is_no_guess():
    async with limited(failures=hourly(1, "ClientIP")) as gateway:
        auth = msgspec.structs.replace(gateway.everything["policy/l"].api_key, mode="Strict")
        gateway.swap({**gateway.everything, "policy/l": Policy(api_key=auth)})
        assert await statuses(gateway, GET, GET, GET, key(b"a", GET)) == [401, 401, 401, 200]


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(
    "path", [b"/tasks/7:CANCEL", b"/tasks/7:cancel%0A", b"/tasks/7:cancel;x", b"/lf.a2a.v1.A2AService/CancelTask"]
)
async def test_a_path_that_agents_read_in_more_ways_than_one_counts_whatever_the_body_says(path, whole):
    request = post(LOOK, path)
    async with limited(hourly(1, "Route", "CancelTask"), keys=False) as gateway:
        assert await statuses(gateway, post(rpc(b"tasks/cancel"))) == [200]
        client = await gateway.client()
        await client.send(*([request] if whole else pieces(request)))
        assert (await client.response()).status == 429


async def test_a_context_beside_a_task_is_no_way_round_the_limit_of_the_task():
    def look(more):
        return post(b'{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"id":"t"%s}}' % more)

    async with limited(hourly(1, "Context")) as gateway:
        made_up = [look(b',"contextId":"%d"' % number) for number in range(2)]
        assert await statuses(gateway, look(b""), *made_up) == [200, 429, 429]
