"""Reloading under traffic: nothing fails, nothing is cut, and what changes takes effect on connections already open."""

import asyncio
import itertools
import shutil
from contextlib import AsyncExitStack

import pytest

from tests.e2e.gateway import BAR, FOO, SEED, eventually, resolve_to, running
from tests.e2e.people import get
from tests.e2e.raw import STREAM, Client, Upstream

RELOADS = 100
CONNECTIONS = 32
STREAMS = 50
HOST = "127.0.0.1"

ROUTE = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: extra-{number}}}
spec:
  parentRefs: [{{name: test-a2a-gateway}}]
  rules:
  - matches: [{{path: {{type: PathPrefix, value: /extra-{number}}}}}]
    backendRefs: [{{group: agentgateway.alibabacloud.com, kind: Backend, name: test-a2a}}]
"""
BROKEN = [
    "apiVersion: v1\nkind: Secret\nmetadata: {name: a2a-api-key\n",
    "\tapiVersion: v1\n",
    "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: x}\nspec: {rules: 7}\n",
    "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: x}\nmetadata: {name: y}\n",
]


@pytest.fixture
def manifests(tmp_path):
    """A copy of the seed's manifests that a test may change."""
    folder = tmp_path / "manifests"
    shutil.copytree(SEED, folder)
    return folder


def put(path, text):
    """Replace a file in one step, as editors and ConfigMaps do: nobody ever reads a half of it."""
    aside = path.parent.with_name("aside")
    aside.write_text(text)
    aside.replace(path)


def keys(manifests, *lines):
    """Write the Secret with these entries beside, or instead of, the seed's own."""
    path = manifests / "a2a-api-key.yaml"
    document = (SEED / path.name).read_text()
    first, second = "  key1: 'key-value-foo'\n", "  key2: 'key-value-bar'\n"
    assert first in document
    assert second in document
    put(path, document.replace(first, "").replace(second, "".join(f"  {line}\n" for line in lines)))


async def answers(client, path, status, **fields):
    """Wait until a request on this very connection is answered with this status."""

    async def is_so():
        return (await client.request("GET", path, fields=fields)).status == status

    await eventually(is_so, f"{path} answers {status}")


def verbose(front):
    """What is wrong, as the admin port tells it."""
    return get(front.admin, "/readyz?verbose")[1].decode()


def is_zero(front, gauge):
    return front.total(gauge) == 0


async def change(step, manifests, observer, front):
    """Make the change of this step, and wait until it shows."""
    number, kind = divmod(step, 4)
    extra = manifests / "extra.yaml"
    match kind:
        case 0:  # a route more, open to all
            put(extra, ROUTE.format(number=number))
            await answers(observer, f"/extra-{number}", 200)
        case 1:  # and gone again: the seed's route takes it, which wants a key
            extra.unlink()
            await answers(observer, f"/extra-{number}", 401)
        case 2:  # a key more, the last step's gone
            keys(manifests, "key1: key-value-foo", "key2: key-value-bar", f"key3: key-{number}")
            await answers(observer, "/", 200, **{"X-API-Key": f"key-{number}"})
        case 3:  # the seed as it was
            keys(manifests, "key1: key-value-foo", "key2: key-value-bar")
            await answers(observer, "/", 401, **{"X-API-Key": f"key-{number}"})
            put(extra, BROKEN[number % len(BROKEN)])
            await eventually(
                lambda: asyncio.to_thread(lambda: "refused" in verbose(front)), "the broken file is refused"
            )
            assert (await observer.request("GET", "/", fields={"X-API-Key": FOO})).status == 200


async def send(client, path, finished):
    """Send requests on one connection until the end; give how many."""
    count = 0
    while not finished.is_set():
        answer = await client.request("POST", path, b'{"jsonrpc":"2.0"}')
        assert (answer.status, answer.body) == (200, f'{{"path": "{path}"}}'.encode())
        count += 1
    return count


async def listen(client):
    """Read one stream to its proper end; give all events."""
    status, _ = await client.begin("POST", STREAM, b"{}")
    assert status == 200
    return [event async for event in client.events()]


def test_reloads_fail_no_request_and_cut_no_stream(tmp_path, manifests):
    async def scenario():
        async with AsyncExitStack() as stack:
            upstream = await stack.enter_async_context(Upstream())
            arguments = ("-f", str(manifests), resolve_to(upstream.port))
            front = await stack.enter_async_context(running(tmp_path, *arguments, workers=2))
            observer = await stack.enter_async_context(Client(HOST, front.port))
            clients = [
                await stack.enter_async_context(Client(HOST, front.port, {"Authorization": f"Bearer {key}"}))
                for key, _ in zip(itertools.cycle((FOO, BAR)), range(CONNECTIONS + STREAMS), strict=False)
            ]
            finished = asyncio.Event()
            before = front.total("agw_config_generation")
            async with asyncio.TaskGroup() as group:
                senders = [group.create_task(send(c, f"/{i}", finished)) for i, c in enumerate(clients[:CONNECTIONS])]
                listeners = [group.create_task(listen(client)) for client in clients[CONNECTIONS:]]
                await upstream.listening(STREAMS)
                for step in range(RELOADS):
                    upstream.publish(b"data: %d\r\n\r\n" % step)
                    await change(step, manifests, observer, front)
                finished.set()
                upstream.publish(b"")

            events = [b"data: %d\r\n\r\n" % step for step in range(RELOADS)]
            assert all(listener.result() == events for listener in listeners)
            assert min(sender.result() for sender in senders) > 1
            assert await asyncio.to_thread(front.total, "agw_config_generation") - before >= RELOADS
            assert await asyncio.to_thread(front.total, "agw_worker_exits_total") == 0
            for client in (observer, *clients):
                await client.close()
            for gauge in ("agw_downstream_connections", "agw_exchanges", "agw_streams"):
                await eventually(lambda gauge=gauge: asyncio.to_thread(is_zero, front, gauge), f"{gauge} is 0 again")

    asyncio.run(scenario())


def test_a_removed_key_is_refused_on_connections_already_open(tmp_path, manifests):
    async def scenario():
        async with AsyncExitStack() as stack:
            upstream = await stack.enter_async_context(Upstream())
            arguments = ("-f", str(manifests), resolve_to(upstream.port))
            front = await stack.enter_async_context(running(tmp_path, *arguments, workers=2))
            kept = [await stack.enter_async_context(Client(HOST, front.port, {"X-API-Key": FOO})) for _ in range(8)]
            lost = [await stack.enter_async_context(Client(HOST, front.port, {"X-API-Key": BAR})) for _ in range(8)]
            assert {(await client.request("GET", "/")).status for client in (*kept, *lost)} == {200}
            reached = upstream.requests

            keys(manifests, "key1: key-value-foo")
            for client in lost:
                await answers(client, "/", 401)
            refused_from = upstream.requests
            assert {(await client.request("GET", "/")).status for client in lost} == {401}
            assert upstream.requests == refused_from >= reached
            assert {(await client.request("GET", "/")).status for client in kept} == {200}

    asyncio.run(scenario())


def test_a_policy_that_is_written_in_place_never_leaves_the_route_open(tmp_path, manifests):
    """Most programs truncate a file before they write it: for a moment it holds no policy."""

    async def scenario():
        async with AsyncExitStack() as stack:
            upstream = await stack.enter_async_context(Upstream())
            arguments = ("-f", str(manifests), resolve_to(upstream.port))
            front = await stack.enter_async_context(running(tmp_path, *arguments))
            client = await stack.enter_async_context(Client(HOST, front.port))
            reached = upstream.requests
            policy = manifests / "a2a-api-key.yaml"
            document = policy.read_text()

            for number in range(20):
                with policy.open("w") as file:
                    assert (await client.request("GET", "/")).status == 401
                    file.write(document.replace("key2", f"key2-{number}").replace(BAR, f"{BAR}-{number}"))
                await answers(client, "/", 200, **{"X-API-Key": f"{BAR}-{number}"})
                reached += 1
                assert (await client.request("GET", "/")).status == 401
            assert upstream.requests == reached

    asyncio.run(scenario())


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_manifest_changes_nothing(tmp_path, manifests, broken):
    async def scenario():
        async with AsyncExitStack() as stack:
            upstream = await stack.enter_async_context(Upstream())
            arguments = ("-f", str(manifests), resolve_to(upstream.port))
            front = await stack.enter_async_context(running(tmp_path, *arguments))
            client = await stack.enter_async_context(Client(HOST, front.port))
            generation = front.total("agw_config_generation")

            put(manifests / "a2a-api-key.yaml", broken)
            await eventually(lambda: asyncio.to_thread(lambda: "refused" in verbose(front)), "the file is refused")

            assert front.total("agw_config_generation") == generation
            assert front.total("agw_config_last_reload_successful") == 0
            assert "a2a-api-key.yaml" in verbose(front)
            assert get(front.admin, "/readyz")[0] == 200
            statuses = [
                (await client.request("GET", "/", fields={"X-API-Key": key} if key else {})).status
                for key in ("", FOO, BAR, "other")
            ]
            assert statuses == [401, 200, 200, 401]

            put(manifests / "a2a-api-key.yaml", (SEED / "a2a-api-key.yaml").read_text())
            await eventually(lambda: asyncio.to_thread(lambda: "refused" not in verbose(front)), "all is well again")
            assert front.total("agw_config_last_reload_successful") == 1

    asyncio.run(scenario())
