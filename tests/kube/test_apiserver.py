"""Against a real API server: that it takes what we send, and that watches tell the truth while things break."""

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest

from agw.kube import (
    AlreadyExists,
    Client,
    Conflict,
    Invalid,
    Key,
    NotFound,
    Resource,
    Scope,
    State,
    Watcher,
    plain,
)
from tests.kube.proxy import Proxy, is_watch
from tests.kube.scripted import answers, error, status
from tests.kube.space import (
    LISTS,
    MAPS,
    PATIENCE,
    SERVICES,
    STREAMS,
    Mirror,
    data,
    following,
    mirroring,
    namespace,
    never,
    until,
)

TWO = pytest.mark.parametrize("options", [STREAMS, LISTS], ids=["streaming", "pages"])


def test_the_life_of_an_object(kubeconfig, unique):
    async def run():
        async with namespace(kubeconfig, unique) as space:
            client, key = space.client, Key(space.name, "a")
            body = {"metadata": {"name": "a"}, "data": {"x": "1", "y": "1"}}
            created = plain(await client.create(MAPS, body, namespace=space.name))
            assert "managedFields" not in created["metadata"]
            with pytest.raises(AlreadyExists):
                await client.create(MAPS, body, namespace=space.name)
            stale = {"metadata": {"name": "a", "resourceVersion": created["metadata"]["resourceVersion"]}}
            changed = plain(await client.patch(MAPS, key, {"data": {"y": None, "z": "2"}}))
            assert changed["data"] == {"x": "1", "z": "2"}
            with pytest.raises(Conflict):
                await client.replace(MAPS, key, stale)
            assert (await client.get(MAPS, key, plain))["data"] == {"x": "1", "z": "2"}
            with pytest.raises(Conflict):
                await client.delete(MAPS, key, uid="another")
            await client.delete(MAPS, key)
            with pytest.raises(NotFound):
                await client.get(MAPS, key, plain)
            with pytest.raises(Invalid) as caught:
                await client.create(MAPS, {"metadata": {"name": "Not A Name"}}, namespace=space.name)
            assert caught.value.causes[0].field == "metadata.name"

    asyncio.run(run())


def test_what_is_applied_is_ours_and_nothing_else(kubeconfig, unique):
    async def run():
        async with namespace(kubeconfig, unique) as space, Client.find(str(kubeconfig), manager="another") as other:
            key = Key(space.name, "a")
            await other.apply(MAPS, key, {"data": {"theirs": "1", "x": "1"}})
            with pytest.raises(Conflict):
                await space.client.apply(MAPS, key, {"data": {"x": "2"}}, force=False)
            await space.client.apply(MAPS, key, {"data": {"x": "2", "ours": "1"}})
            left = plain(await space.client.apply(MAPS, key, {"data": {"x": "3"}}))
            assert left["data"] == {"theirs": "1", "x": "3"}

    asyncio.run(run())


def test_a_status_is_applied_by_itself(kubeconfig, unique):
    async def run():
        async with namespace(kubeconfig, unique) as space:
            key = Key(space.name, "a")
            spec = {"type": "LoadBalancer", "ports": [{"port": 80}]}
            await space.client.apply(SERVICES, key, {"spec": spec})
            ingress = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}
            applied = plain(await space.client.apply(SERVICES, key, {"status": ingress}, subresource="status"))
            assert applied["status"]["loadBalancer"]["ingress"][0]["ip"] == "192.0.2.1"
            assert applied["spec"]["ports"][0]["port"] == 80

    asyncio.run(run())


def test_a_list_in_pages_is_whole(kubeconfig, unique):
    async def run():
        async with namespace(kubeconfig, unique) as space:
            for number in range(7):
                await space.put(f"m{number}", str(number))
            listed = await space.client.list(MAPS, data, Scope(space.name), limit=3)
            assert sorted(listed.items) == [str(number) for number in range(7)]
            assert int(listed.resource_version) > 0

    asyncio.run(run())


@TWO
def test_a_watch_tells_what_there_is_and_what_changes(kubeconfig, unique, options):
    async def run():
        async with namespace(kubeconfig, unique) as space:
            for number in range(7):
                await space.put(f"m{number}", "1")
            async with mirroring(space.client, space, options) as (watcher, mirror):
                await mirror.until(space.written)
                assert (watcher.state, watcher.synced, mirror.restarts) == (State.WATCHING, True, 1)
                await space.put("m1", "2")
                await space.drop("m2")
                await space.put("new", "1")
                await mirror.until(space.written)
                assert mirror.restarts == 1

    asyncio.run(run())


@TWO
def test_selectors(kubeconfig, unique, options):
    async def run():
        async with namespace(kubeconfig, unique) as space:
            for name, color in (("a", "red"), ("b", "blue"), ("c", "red")):
                body = {"metadata": {"labels": {"color": color}}, "data": {"x": name}}
                await space.client.apply(MAPS, Key(space.name, name), body)
            scope = Scope(space.name, labels="color=red", fields="metadata.name!=c")
            watcher = Watcher(space.client, MAPS, data, scope, options=options)
            async with aclosing(aiter(watcher)) as batches:
                mirror = Mirror(batches)
                await mirror.until({Key(space.name, "a"): "a"})
                # An object that leaves the selection is deleted, for those who watch it.
                await space.client.patch(MAPS, Key(space.name, "a"), {"metadata": {"labels": {"color": "green"}}})
                await mirror.until({})

    asyncio.run(run())


def test_a_server_that_has_streaming_lists_is_not_asked_for_pages(apiserver, unique):
    async def run():
        async with (
            Proxy(apiserver) as proxy,
            namespace(proxy.kubeconfig(), unique) as space,
            mirroring(space.client, space, STREAMS) as (_, mirror),
        ):
            await space.put("a", "1")
            await mirror.until(space.written)
            asked = [each for each in proxy.requests if each.path.endswith("configmaps")]
            streamed = [each for each in asked if "sendInitialEvents" in each.query]
            assert len(streamed) == 1
            assert len(asked) in {1, 3}  # a server without them refuses, and is listed and watched

    asyncio.run(run())


def once(*steps):
    """A proxy's fault: the next watches are answered by these steps, all else passes."""
    left = list(steps)
    return lambda request: left.pop(0) if left and is_watch(request) else None


async def cut(proxy):
    proxy.cut()


async def expired(proxy):
    await proxy.inject(error(410, "Expired"))


async def failed(proxy):
    await proxy.inject(error(500, "InternalError"))


async def expired_as_an_answer(proxy):
    proxy.fault = once(answers(410, status(410, "Expired")))
    proxy.cut()


async def overloaded(proxy):
    proxy.fault = once(answers(503, b"no upstream"), answers(429, status(429, "TooManyRequests")), answers(500, b""))
    proxy.cut()


async def silent(proxy):
    proxy.hold()


async def slow(proxy):
    proxy.fault = once(never)
    proxy.cut()


@TWO
@pytest.mark.parametrize("trouble", [cut, expired, failed, expired_as_an_answer, overloaded, silent, slow])
def test_the_truth_survives(apiserver, unique, options, trouble):
    impatient = replace(options, silence=2.0, answer_within=2.0)

    async def run():
        async with (
            Proxy(apiserver) as proxy,
            namespace(apiserver.kubeconfig, unique) as space,
            Client.find(proxy.kubeconfig()) as watching,
            mirroring(watching, space, impatient) as (watcher, mirror),
        ):
            await space.put("a", "1")
            await space.put("b", "1")
            await mirror.until(space.written)
            await proxy.until(is_watch)
            asked = len(proxy.requests)
            await trouble(proxy)
            await space.put("a", "2")
            await space.drop("b")
            await space.put("c", "1")
            await mirror.until(space.written)
            assert len(proxy.requests) > asked
            assert mirror.restarts == (2 if trouble in {expired, expired_as_an_answer} else 1)
            assert watcher.problem is None

    asyncio.run(run())


CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False)


@TWO
def test_a_kind_that_is_taken_away_and_comes_back(kubeconfig, unique, options):
    plural = unique("things").replace("-", "")
    things = Resource("test.example.com", "v1", plural, "Thing")
    key = Key("", f"{plural}.{things.group}")
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    names = {"plural": plural, "kind": "Thing", "listKind": f"{plural.capitalize()}List"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    definition = {"group": things.group, "scope": "Namespaced", "names": names, "versions": [version]}

    async def put(client, name, value):
        while True:
            try:
                return await client.apply(things, Key("default", name), {"data": {"x": value}})
            except NotFound:  # not served yet
                await asyncio.sleep(0.05)

    async def run():
        async with Client.find(str(kubeconfig)) as client, asyncio.timeout(PATIENCE):
            watcher = Watcher(client, things, data, options=options)
            async with aclosing(aiter(watcher)) as batches:
                mirror = Mirror(batches)
                async with following(mirror):
                    await until(lambda: isinstance(watcher.problem, NotFound))
                    await client.apply(CRDS, key, {"spec": definition})
                    await put(client, "a", "1")
                    await until(lambda: mirror.known == {Key("default", "a"): "1"})
                    await client.delete(CRDS, key)
                    await until(lambda: mirror.known == {})
                    await until(lambda: isinstance(watcher.problem, NotFound))
                    await client.apply(CRDS, key, {"spec": definition})
                    await put(client, "b", "1")
                    await until(lambda: mirror.known == {Key("default", "b"): "1"})
            await client.delete(CRDS, key)

    asyncio.run(run())


@TWO
def test_a_server_that_was_away_and_has_forgotten_the_past(own_apiserver, unique, options):
    async def run():
        async with (
            namespace(own_apiserver.kubeconfig, unique) as space,
            mirroring(space.client, space, options) as (watcher, mirror),
        ):
            for number in range(5):
                await space.put(f"m{number}", "1")
            await mirror.until(space.written)
            async with following(mirror):
                await asyncio.to_thread(own_apiserver.stop)
                await asyncio.to_thread(own_apiserver.compact)
                await until(lambda: watcher.problem is not None)
                assert watcher.synced
                own_apiserver.launch()
                await asyncio.to_thread(own_apiserver.wait)
                await space.drop("m0")
                await space.put("m1", "2")
                await until(lambda: mirror.known == space.written)

    asyncio.run(run())
