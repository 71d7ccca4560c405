"""A data plane before two agents of a backend with affinity, and what clients ask them."""

from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec

from agw._fastpath.owners import Owners, owners_size, prepare_owners
from agw._fastpath.pool import Endpoint
from agw.snapshot.model import Endpoint as Place
from agw.snapshot.model import Target
from tests.wire.gateway import OK, Agent, Session, entries, playing, replies, serving

BACKEND = "Backend/d/b"
JSON = b"application/json"


def table():
    memory = bytearray(owners_size(1024))
    prepare_owners(memory)
    return Owners(memory)


def spot(port):
    return Endpoint("127.0.0.1", port).spot


def affine(*groups, down=(), weights=(1, 1, 1)):
    """The entries, with an A2A backend of these groups of ports that has affinity."""
    served = entries()
    targets = tuple(
        Target(f"t{number}", "h", 1, weight, tuple(Place("127.0.0.1", port) for port in group))
        for number, (group, weight) in enumerate(zip(groups, weights, strict=False))
    )
    backend = msgspec.structs.replace(served["backend/Backend/d/b"], protocol="A2A", affinity="Task", targets=targets)
    return {**served, "backend/Backend/d/b": backend}


@dataclass
class Pair:
    """A gateway before two agents."""

    gateway: Session
    one: Agent
    two: Agent
    owners: Owners

    def owns(self, agent, *ids):
        """Let an agent have these."""
        for each in ids:
            self.owners.note(BACKEND, each, spot(agent.port), 0)

    def seen(self):
        """How many requests each agent has had."""
        return len(self.one.requests()), len(self.two.requests())

    def counted(self, result):
        return self.gateway.count("agw_affinity_total", f'result="{result}"')

    async def ask(self, request, times=1):
        """Each on a connection of its own; the statuses."""
        statuses = []
        for _ in range(times):
            client = await self.gateway.client(request)
            statuses.append((await client.response()).status)
            client.close()
        return statuses


@asynccontextmanager
async def pair(one=None, two=None, **limits):
    owners = table()
    async with (
        playing(one or replies(OK)) as first,
        serving(two or replies(OK), owners=owners, **limits) as gateway,
    ):
        second = Agent(gateway.agent_port, gateway.peers)
        gateway.swap(affine([first.port, second.port]))
        yield Pair(gateway, first, second, owners)


def post(body, path=b"/", media=JSON, more=b""):
    return b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\n%sContent-Length: %d\r\n\r\n%s" % (
        *(path, media, more, len(body)),
        body,
    )


def rpc(method, params):
    return post(b'{"jsonrpc":"2.0","id":1,"method":"%s","params":{%s}}' % (method, params))


def get(path):
    return b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path


ABOUT_A_TASK = [
    rpc(b"tasks/get", b'"id":"t-1"'),
    rpc(b"tasks/get", b'"historyLength":1,"id":"t-\\u0031"'),
    rpc(b"tasks/cancel", b'"id":"t-1"'),
    rpc(b"tasks/resubscribe", b'"id":"t-1"'),
    rpc(b"tasks/pushNotificationConfig/set", b'"taskId":"t-1"'),
    rpc(b"tasks/pushNotificationConfig/get", b'"id":"t-1","pushNotificationConfigId":"x"'),
    rpc(b"message/send", b'"message":{"parts":[],"taskId":"t-1"}'),
    rpc(b"message/stream", b'"message":{"taskId":"t-1","contextId":"other"}'),
    rpc(b"GetTask", b'"tenant":"","id":"t-1"'),
    rpc(b"CancelTask", b'"id":"t-1"'),
    rpc(b"SubscribeToTask", b'"id":"t-1"'),
    rpc(b"SendMessage", b'"configuration":{},"message":{"messageId":"m","task_id":"t-1"}'),
    rpc(b"SendStreamingMessage", b'"message":{"contextId":"c-1"}'),
    rpc(b"SendMessage", b'"message":{"contextId":"c-1","taskId":null}'),
    rpc(b"ListTasks", b'"contextId":"c-1"'),
    rpc(b"DeleteTaskPushNotificationConfig", b'"taskId":"t-1","id":"x"'),
    post(b'{"method":"tasks/get","params":{"id":"t-1"},"jsonrpc":"2.0"}'),
    get(b"/tasks/t-1"),
    get(b"/v1/tasks/t-1"),
    get(b"/tenant/tasks/t%2D1/"),
    get(b"/tasks/t-1:subscribe"),
    get(b"/tasks?pageSize=5&contextId=c%2d1"),
    get(b"/tasks/t-1/pushNotificationConfigs/x"),
    post(b"{}", b"/tasks/t-1:cancel"),
    post(b"", b"/v1/tasks/t-1:cancel"),
    post(b"{}", b"/tasks/t-1/pushNotificationConfigs"),
    post(b'{"message":{"taskId":"t-1"}}', b"/message:send"),
    post(b'{"message":{"contextId":"c-1","parts":[]}}', b"/v1/message:stream", b"application/a2a+json"),
]
