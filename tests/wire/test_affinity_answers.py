"""Affinity: what agents answer says whose a task is, in every binding and version, and one worker tells all."""

import pytest

from tests.wire.affinity import JSON, affine, get, pair, post, rpc
from tests.wire.gateway import OK, playing, replies, serving


def says(body, media=JSON):
    """An answer."""
    return b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (media, len(body), body)


def streams(*events):
    """An answer that is an event stream."""
    data = b"".join(b"data: %s\r\n\r\n" % event for event in events)
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data)
    )


def result(body):
    return b'{"jsonrpc":"2.0","id":1,"result":%s}' % body


TASK_OF_03 = b'{"kind":"task","id":"t-9","contextId":"c-9","status":{"state":"submitted"},"history":[{"taskId":"x"}]}'
TASK_OF_1 = b'{"id":"t-9","contextId":"c-9","status":{"state":"TASK_STATE_WORKING"}}'
SEND, REST_SEND = rpc(b"message/send", b""), post(b"{}", b"/message:send")
GET_T9, GET_C9 = rpc(b"tasks/get", b'"id":"t-9"'), rpc(b"message/send", b'"message":{"contextId":"c-9"}')
ANSWERS = [
    (SEND, says(result(TASK_OF_03))),
    (SEND, says(result(b'{"task":%s}' % TASK_OF_1))),
    (SEND, says(result(b'{"message":{"messageId":"m","contextId":"c-9","taskId":"t-9"}}'))),
    (SEND, says(result(b'{"kind":"message","contextId":"c-9","taskId":"t-9","parts":[]}'))),
    (REST_SEND, says(b'{"task":%s}' % TASK_OF_1)),
    (REST_SEND, says(b'{"task":%s}' % TASK_OF_1, b"application/a2a+json")),
    (get(b"/v1/tasks/t-9"), says(TASK_OF_1)),
    (SEND, streams(result(TASK_OF_03))),
    (SEND, streams(result(b'{"task":%s}' % TASK_OF_1), result(b'{"artifactUpdate":{"taskId":"t-9"}}'))),
    (
        SEND,
        streams(
            result(b'{"statusUpdate":{"taskId":"t-9","contextId":"c-9","status":{"state":"TASK_STATE_COMPLETED"}}}'),
        ),
    ),
    (SEND, streams(result(b'{"kind":"status-update","taskId":"t-9","contextId":"c-9","final":true}'))),
    (post(b"{}", b"/message:stream"), streams(b'{"task":%s}' % TASK_OF_1)),
]


@pytest.mark.parametrize(("request_", "answer"), ANSWERS)
async def test_who_answers_with_a_task_owns_it(request_, answer):
    async with pair(replies(answer), replies(answer)) as both:
        await both.ask(request_)
        [owner] = [agent for agent in (both.one, both.two) if agent.requests()]
        await both.ask(GET_T9, 6)
        await both.ask(GET_C9, 6)
        assert len(owner.requests()) == 13
        assert both.gateway.count("agw_affinity_learnt_total") == 2


@pytest.mark.parametrize(
    "answer",
    [
        b'{"jsonrpc":"2.0","id":1,"error":{"code":-32001,"message":"t-9 not found","data":{"taskId":"t-9"}}}',
        result(b"[%s]" % TASK_OF_1),
        result(b'{"id":"t-9"}'),
        result(b'{"task":%s' % TASK_OF_1),
        b"t-9",
    ],
)
async def test_an_answer_that_gives_no_task_teaches_nothing(answer):
    async with pair(replies(says(answer)), replies(says(answer))) as both:
        await both.ask(SEND, 2)
        assert both.gateway.count("agw_affinity_learnt_total") == 0


async def test_a_pin_is_replaced_by_what_another_answers_and_by_nothing_else():
    lost = says(b'{"jsonrpc":"2.0","id":1,"error":{"code":-32001,"message":"no"}}')
    async with pair(replies(OK), replies(lost, lost, says(result(TASK_OF_03)))) as both:
        both.owns(both.one, b"t-9", b"c-9")
        down = [("127.0.0.1", both.one.port)]
        client = await both.gateway.client()  # one connection there, so that the answers come in their order

        async def ask(times):
            for _ in range(times):
                await client.send(GET_T9)
                await client.response()

        both.gateway.reactor.mark_down(down)
        await ask(2)
        both.gateway.reactor.mark_down([])
        await ask(2)
        assert both.seen() == (2, 2)
        both.gateway.reactor.mark_down(down)
        await ask(1)
        both.gateway.reactor.mark_down([])
        await ask(3)
        assert both.seen() == (2, 6)


async def test_what_one_worker_learns_all_know():
    answer = says(result(TASK_OF_03))
    async with pair(replies(answer), replies(answer)) as both, serving(replies(OK), owners=both.owners) as another:
        another.swap(affine([both.one.port, both.two.port]))
        await both.ask(SEND)
        [owner] = [agent for agent in (both.one, both.two) if agent.requests()]
        for request in (GET_T9, GET_C9) * 6:
            client = await another.client(request)
            assert (await client.response()).status == 200
        assert len(owner.requests()) == 13


async def test_without_a_table_contexts_are_hashed_all_the_same():
    async with playing(replies(says(result(TASK_OF_03)))) as one, serving(replies(says(result(TASK_OF_03)))) as gateway:
        gateway.swap(affine([one.port, gateway.agent_port]))
        for _ in range(6):
            client = await gateway.client(GET_C9)
            assert (await client.response()).status == 200
        assert len(one.requests()) in {0, 6}
