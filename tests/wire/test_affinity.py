"""Affinity: what is asked about a task or a context goes to the endpoint that has it, and nothing is ever refused for it."""

import msgspec
import pytest

from agw._fastpath.rendezvous import rank
from agw.snapshot.model import Endpoint as Place
from agw.snapshot.model import Filters, Header, HeaderEdit, Target, WeightedBackend
from tests.wire.affinity import ABOUT_A_TASK, BACKEND, affine, get, pair, post, rpc, spot, table
from tests.wire.gateway import OK, closed_port, replies, serving


@pytest.mark.parametrize("request_", ABOUT_A_TASK)
async def test_what_is_about_a_task_goes_to_its_owner(request_):
    async with pair() as both:
        both.owns(both.one, b"t-1", b"c-1")
        both.owns(both.two, b"other")
        assert await both.ask(request_, 12) == [200] * 12
        assert both.seen() == (12, 0)
        assert both.counted("pinned") == 12
        both.owns(both.two, b"t-1", b"c-1")
        await both.ask(request_, 3)
        assert both.seen() == (12, 3)


@pytest.mark.parametrize("request_", [ABOUT_A_TASK[0], ABOUT_A_TASK[6], ABOUT_A_TASK[-2]])
async def test_wherever_it_is_cut(request_):
    head = request_.index(b"\r\n\r\n") + 4
    async with pair() as both:
        both.owns(both.two, b"t-1")
        for cut in range(head, len(request_)):
            client = await both.gateway.client()
            await client.send(request_[:cut], request_[cut:])
            assert (await client.response()).status == 200
            client.close()
        assert both.seen() == (0, len(request_) - head)
        assert {message.body for message in both.two.requests()} == {request_[head:]}


async def test_byte_by_byte_in_chunks_and_only_when_told_to_go_on():
    body = ABOUT_A_TASK[6].partition(b"\r\n\r\n")[2]
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n%s\r\n"
    async with pair() as both:
        both.owns(both.two, b"t-1")
        client = await both.gateway.client(
            head % b"Transfer-Encoding: chunked\r\n"
            + b"".join(b"1\r\n%s\r\n" % body[at : at + 1] for at in range(len(body)))
            + b"0\r\n\r\n"
        )
        assert (await client.response()).status == 200
        client = await both.gateway.client(head % b"Expect: 100-continue\r\nContent-Length: %d\r\n" % len(body))
        await client.contains(b"100 Continue\r\n\r\n")
        client.buffer = b""
        await client.send(body)
        assert (await client.response()).status == 200
        assert both.seen() == (0, 2)
        assert [message.body for message in both.two.requests()] == [body, body]


NAMES_NOTHING = [
    rpc(b"message/send", b'"message":{"parts":[{"kind":"text","text":"hi"}]}'),
    rpc(b"tasks/get", b'"id":"unknown"'),
    rpc(b"tasks/get", b'"id":{"id":"t-1"}'),
    rpc(b"tasks/get", b'"id":"%s"' % (b"t" * 129)),
    post(b'[{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"id":"t-1"}}]'),
    post(b'{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"id":"t-1","id":"t-1"}}'),
    post(b'{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"id":"t-1"}}', media=b"text/plain"),
    post(b'{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"id":"t-1"}}', more=b"Content-Encoding: x\r\n"),
    post(b"\xff\xfe nonsense"),
    post(b""),
    post(b'{"message":{}}', b"/message:send"),
    get(b"/tasks"),
    get(b"/tasks?contextId="),
    get(b"/tasks?contextId=t%2-1"),
    get(b"/tasks/" + b"t" * 200),
    get(b"/"),
]


@pytest.mark.parametrize("request_", NAMES_NOTHING)
async def test_what_names_nothing_known_is_balanced(request_):
    async with pair() as both:
        both.owns(both.one, b"t-1", b"c-1")
        assert await both.ask(request_, 60) == [200] * 60
        assert min(both.seen()) > 5
        assert both.counted("none") == 60


async def test_a_task_wins_over_its_context():
    async with pair() as both:
        both.owns(both.one, b"t-1")
        both.owns(both.two, b"c-1")
        await both.ask(rpc(b"message/send", b'"message":{"contextId":"c-1","taskId":"t-1"}'), 5)
        assert both.seen() == (5, 0)
        await both.ask(rpc(b"message/send", b'"message":{"contextId":"c-1","taskId":"unknown"}'), 5)
        assert both.seen() == (5, 5)


async def test_ids_of_another_backend_are_others():
    async with pair() as both:
        both.owners.note("Backend/d/another", b"t-1", spot(both.one.port), 0)
        await both.ask(ABOUT_A_TASK[0], 60)
        assert min(both.seen()) > 5


async def test_a_context_that_nobody_knows_is_hashed_the_same_by_all():
    async with pair() as both:
        ports = both.one.port, both.two.port
        expected = dict.fromkeys(ports, 0)
        for number in range(40):
            context = b"context-%d" % number
            place = max(ports, key=lambda port: rank(context, spot(port)))
            expected[place] += 2
            await both.ask(rpc(b"message/send", b'"message":{"contextId":"%s"}' % context))
            await both.ask(post(b'{"message":{"contextId":"%s"}}' % context, b"/message:send"))
            assert both.seen() == tuple(expected[port] for port in ports)
        assert both.counted("hashed") == 80
        assert min(expected.values()) > 10


async def test_two_pods_that_know_nothing_of_one_another_agree():
    async with pair() as both, serving(replies(OK), owners=table()) as another:
        another.swap(affine([both.two.port], [], [both.one.port]))
        both.gateway.swap(affine([both.two.port], [], [both.one.port]))
        for number in range(40):
            request = rpc(b"message/send", b'"message":{"contextId":"context-%d"}' % number)
            before = both.seen()
            await both.ask(request)
            client = await another.client(request)
            assert (await client.response()).status == 200
            assert 2 in {now - then for now, then in zip(both.seen(), before, strict=True)}
        assert min(both.seen()) > 10


async def test_hashing_goes_by_the_weights_of_targets():
    async with pair() as both:
        both.gateway.swap(affine([both.one.port], [both.two.port], weights=(1, 9)))
        for number in range(200):
            await both.ask(rpc(b"message/send", b'"message":{"contextId":"context-%d"}' % number))
        assert 5 < both.seen()[0] < 45


# --- endpoints that are gone ---


async def test_an_owner_that_the_configuration_has_taken_away_is_gone():
    async with pair() as both:
        both.owns(both.one, b"t-1", b"c-1")
        both.gateway.swap(affine([both.two.port]))
        assert await both.ask(ABOUT_A_TASK[0], 3) == [200] * 3
        assert await both.ask(rpc(b"message/send", b'"message":{"contextId":"c-1"}'), 3) == [200] * 3
        assert both.seen() == (0, 6)
        assert both.counted("gone") == 6
        both.gateway.swap(affine([both.one.port, both.two.port]))
        await both.ask(ABOUT_A_TASK[0], 3)
        assert both.seen() == (3, 6)


async def test_a_target_of_weight_0_takes_nothing():
    async with pair() as both:
        both.owns(both.one, b"t-1")
        both.gateway.swap(affine([both.one.port], [both.two.port], weights=(0, 1)))
        await both.ask(ABOUT_A_TASK[0], 5)
        for number in range(20):
            await both.ask(rpc(b"message/send", b'"message":{"contextId":"context-%d"}' % number))
        assert both.seen() == (0, 25)


async def test_an_owner_that_is_down_has_its_tasks_again_when_it_is_back():
    async with pair() as both:
        both.owns(both.one, b"t-1")
        both.gateway.reactor.mark_down([("127.0.0.1", both.one.port)])
        assert await both.ask(ABOUT_A_TASK[0], 3) == [200] * 3
        assert both.seen() == (0, 3)
        both.gateway.reactor.mark_down([])
        await both.ask(ABOUT_A_TASK[0], 3)
        assert both.seen() == (3, 3)
        assert both.counted("gone") == both.counted("pinned") == 3


async def test_where_all_are_down_the_owner_is_asked():
    async with pair() as both:
        both.owns(both.one, b"t-1")
        both.gateway.reactor.mark_down([("127.0.0.1", both.one.port), ("127.0.0.1", both.two.port)])
        assert await both.ask(ABOUT_A_TASK[0], 10) == [200] * 10
        assert both.seen() == (10, 0)


async def test_an_owner_that_takes_no_connection_is_gone():
    dead = closed_port()
    async with pair() as both:
        both.owners.note(BACKEND, b"t-1", spot(dead), 0)
        both.gateway.swap(affine([dead, both.two.port]))
        assert await both.ask(ABOUT_A_TASK[0], 10) == [200] * 10
        assert await both.ask(ABOUT_A_TASK[6], 10) == [200] * 10
        assert both.seen() == (0, 20)
        assert both.gateway.count("agw_ejections_total") > 0
        assert both.counted("pinned") >= 3  # until it was ejected; then again where its trial is due
        assert both.counted("pinned") + both.counted("gone") == 20


async def test_a_request_is_sent_again_to_its_owner_alone():
    """The owner closes each connection after an answer, which shows when the next request is on it."""

    async def script(peer):
        if await peer.request() is not None:
            await peer.send(OK)
        if await peer.request() is not None:
            peer.cut(reset=True)

    async with pair(script) as both:
        both.owns(both.one, b"t-1")
        client = await both.gateway.client()
        for _ in range(10):
            await client.send(get(b"/tasks/t-1"))
            assert (await client.response()).status == 200
        assert both.seen()[1] == 0
        assert both.gateway.count("agw_retries_total") > 0


async def test_an_owner_that_fails_is_not_passed_by():
    """Nobody else has the task: what the owner answers, or fails to, is the answer."""

    async def script(peer):
        await peer.request()
        peer.cut()

    async with pair(script) as both:
        both.owns(both.one, b"t-1")
        assert await both.ask(ABOUT_A_TASK[0], 3) == [502] * 3
        assert both.seen() == (3, 0)


async def test_a_large_message_goes_on_with_what_is_known_of_it():
    """The id comes too late, and nothing is held for it beyond what is bounded; the context has come."""
    large = b'"message":{"contextId":"c-1","parts":[{"text":"%s"}],"taskId":"t-1"}' % (b"a" * 300_000)
    early = rpc(b"message/send", large)
    late = rpc(b"message/send", large.replace(b'"contextId":"c-1",', b""))
    async with pair() as both:
        both.owns(both.two, b"c-1")
        both.owns(both.one, b"t-1")
        await both.ask(early, 5)
        assert both.seen() == (0, 5)
        assert {message.body for message in both.two.requests()} == {early.partition(b"\r\n\r\n")[2]}
        assert await both.ask(late, 30) == [200] * 30
        assert min(both.seen()) > 0
        bodies = {message.body for agent in (both.one, both.two) for message in agent.requests()}
        assert bodies == {each.partition(b"\r\n\r\n")[2] for each in (early, late)}


# --- rules with several backends ---


def split(one, two, weights=(1, 1)):
    """The entries, with a rule of two backends that have affinity and mark what they get."""
    served = affine([one])
    backend = served["backend/Backend/d/b"]
    target = Target("t", "h", 1, 1, (Place("127.0.0.1", two),))
    backends = tuple(
        WeightedBackend(f"backend/Backend/d/{name}", weight, filters=Filters(HeaderEdit(set=(Header("X-To", name),))))
        for name, weight in zip(("b", "c"), weights, strict=True)
    )
    rule = msgspec.structs.replace(served["rule/HTTPRoute/d/r/0"], backends=backends)
    return {
        **served,
        "rule/HTTPRoute/d/r/0": rule,
        "backend/Backend/d/c": msgspec.structs.replace(backend, ref="d/c", targets=(target,)),
    }


async def test_a_task_is_asked_for_at_the_backend_that_has_it():
    async with pair() as both:
        both.gateway.swap(split(both.one.port, both.two.port))
        both.owners.note("Backend/d/c", b"t-1", spot(both.two.port), 0)
        await both.ask(ABOUT_A_TASK[0], 20)
        assert both.seen() == (0, 20)
        assert {message.one("x-to") for message in both.two.requests()} == {b"c"}


async def test_a_context_belongs_to_one_of_the_backends_by_their_weights():
    async with pair() as both:
        both.gateway.swap(split(both.one.port, both.two.port, (3, 1)))
        for number in range(60):
            before = both.seen()
            await both.ask(rpc(b"message/send", b'"message":{"contextId":"context-%d"}' % number), 3)
            assert 3 in {now - then for now, then in zip(both.seen(), before, strict=True)}
        assert 3 * 5 < both.seen()[1] < 3 * 30
        assert {message.one("x-to") for message in both.one.requests()} == {b"b"}
        assert {message.one("x-to") for message in both.two.requests()} == {b"c"}


async def test_a_backend_of_weight_0_takes_nothing():
    async with pair() as both:
        both.gateway.swap(split(both.one.port, both.two.port, (1, 0)))
        both.owners.note("Backend/d/c", b"t-1", spot(both.two.port), 0)
        await both.ask(ABOUT_A_TASK[0], 10)
        assert both.seen() == (10, 0)
