"""What agents answer says where their tasks are: learnt on the way past, before the client can ask for them again."""

import pytest

from tests.wire.affinity import Pair, get, pair, post, rpc

JSON = b"application/json"
SSE = b"text/event-stream"
TASK = b'"id":"%s","contextId":"c-%s","status":{"state":"working"}'
UPDATE = b'"taskId":"%s","contextId":"c-%s","status":{"state":"completed"}'


def rpc_of(result):
    return b'{"jsonrpc":"2.0","id":1,"result":{%s}}' % result


def events(*documents):
    return b"".join(b"data: %s\r\n\r\n" % document for document in documents)


def of(name, template):
    return template % (name, name)


ANSWERS = {
    "a task of 0.3": (JSON, lambda name: rpc_of(b'"kind":"task",' + of(name, TASK))),
    "a task of 1.0": (JSON, lambda name: rpc_of(b'"task":{%s}' % of(name, TASK))),
    "with its media type's parameters": (JSON + b"; charset=utf-8", lambda name: rpc_of(of(name, TASK))),
    "the events of 0.3": (
        SSE,
        lambda name: events(rpc_of(of(name, TASK)), rpc_of(b'"kind":"status-update",' + of(name, UPDATE))),
    ),
    "the last event of 1.0": (
        SSE,
        lambda name: events(b'{"result":{}}', rpc_of(b'"statusUpdate":{%s}' % of(name, UPDATE))),
    ),
}


def named(name, media, document, *, bytewise=False, more=b""):
    """An agent whose answers are all about this task."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n%sTransfer-Encoding: chunked\r\n\r\n" % (media, more)
    pieces = [document[at : at + 1] for at in range(len(document))] if bytewise else [document]

    async def script(peer):
        while await peer.request() is not None:
            await peer.send(head)
            for piece in pieces:
                await peer.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            await peer.send(b"0\r\n\r\n")

    return script


SEND = rpc(b"message/send", b'"message":{"messageId":"m"}')


async def both_asked(both: Pair, request=SEND):
    """Each of two agents has answered."""
    while not (both.one.requests() and both.two.requests()):
        assert await both.ask(request) == [200]


async def asked(both: Pair, request):
    """How many of five such requests each of them gets."""
    before = len(both.one.requests()), len(both.two.requests())
    assert await both.ask(request, 5) == [200] * 5
    return len(both.one.requests()) - before[0], len(both.two.requests()) - before[1]


@pytest.mark.parametrize("bytewise", [False, True])
@pytest.mark.parametrize("what", ANSWERS)
async def test_tasks_and_contexts_are_learnt_from(what, bytewise):
    media, made = ANSWERS[what]
    one, other = (named(name, media, made(name), bytewise=bytewise) for name in (b"one", b"two"))
    async with pair(one, other) as both:
        await both_asked(both)
        for request in (rpc(b"tasks/get", b'"id":"one"'), rpc(b"SendMessage", b'"message":{"contextId":"c-one"}')):
            assert await asked(both, request) == (5, 0)
        for request in (get(b"/tasks/two"), rpc(b"message/stream", b'"message":{"contextId":"c-two"}')):
            assert await asked(both, request) == (0, 5)
        assert both.gateway.count("agw_affinity_learnt_total") == 4


@pytest.mark.parametrize("media", [JSON, SSE])
async def test_what_a_path_has_asked_for_has_no_envelope(media):
    documents = [
        b"{%s}" % of(name, TASK) if media == JSON else events(b'{"task":{%s}}' % of(name, TASK))
        for name in (b"one", b"two")
    ]
    async with pair(*(named(b"", media, document) for document in documents)) as both:
        await both_asked(both, post(b'{"message":{}}', b"/v1/message:send"))
        assert await asked(both, get(b"/v1/tasks/one")) == (5, 0)
        assert await asked(both, get(b"/v1/tasks/two")) == (0, 5)


@pytest.mark.parametrize(
    ("media", "more", "document"),
    [
        (JSON, b"Content-Encoding: gzip\r\n", rpc_of(of(b"one", TASK))),
        (SSE, b"Content-Encoding: gzip\r\n", events(rpc_of(of(b"one", TASK)))),
        (b"text/plain", b"", rpc_of(of(b"one", TASK))),
        (JSON, b"", rpc_of(of(b"one", TASK))[:-1]),
        (JSON, b"", rpc_of(of(b"one", TASK) + b',"taskId":"x","taskId":"y"')),
        (JSON, b"", b'{"error":{%s}}' % of(b"one", TASK)),
        (SSE, b"", events(rpc_of(of(b"one", TASK)))[:-2]),
    ],
)
async def test_nothing_is_learnt_from_what_cannot_be_read(media, more, document):
    script = named(b"one", media, document, more=more)
    async with pair(script, script) as both:
        assert await both.ask(SEND, 3) == [200] * 3
        assert both.gateway.count("agw_affinity_learnt_total") == 0
