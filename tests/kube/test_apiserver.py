"""Against a real API server: that it takes what we send, and that watches tell the truth while things break."""

import asyncio
import json
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import msgspec
import pytest

from agw.kube import (
    AlreadyExists,
    Backoff,
    Client,
    Conflict,
    Election,
    Invalid,
    Key,
    NotFound,
    Options,
    Recorder,
    Reference,
    Resource,
    Scope,
    State,
    Timing,
    Unauthorized,
    Watcher,
    plain,
    review_token,
)
from agw.kube.events import EVENTS
from agw.kube.lease import LEASES
from tests.cluster.certificates import write_kubeconfig
from tests.kube.proxy import Proxy, is_watch
from tests.kube.scripted import answers, error, status

NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
MAPS = Resource("", "v1", "configmaps", "ConfigMap")
SERVICES = Resource("", "v1", "services", "Service")
ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
EAGER = Backoff(first=0.01, longest=0.2)
STREAMS = Options(backoff=EAGER)
LISTS = Options(streaming=False, page=3, backoff=EAGER)
TWO = pytest.mark.parametrize("options", [STREAMS, LISTS], ids=["streaming", "pages"])
PATIENCE = 120


def data(raw):
    """What these tests keep of a ConfigMap."""
    return msgspec.json.decode(raw).get("data", {}).get("x")


class Namespace:
    """A namespace of a test's own, and its ConfigMaps."""

    def __init__(self, client, name):
        self.client = client
        self.name = name
        self.written = {}

    async def put(self, name, value):
        key = Key(self.name, name)
        await self.client.apply(MAPS, key, {"data": {"x": value}})
        self.written[key] = value

    async def drop(self, name):
        key = Key(self.name, name)
        await self.client.delete(MAPS, key)
        del self.written[key]


@asynccontextmanager
async def namespace(kubeconfig, unique):
    async with Client.find(str(kubeconfig), manager="agw-test") as client, asyncio.timeout(PATIENCE):
        name = unique()
        await client.create(NAMESPACES, {"metadata": {"name": name}})
        yield Namespace(client, name)


class Mirror:
    """What a watcher says that there is."""

    def __init__(self, batches):
        self.batches = batches
        self.known = {}
        self.restarts = 0

    async def until(self, wanted):
        """Follow until what is known is what is wanted."""
        while self.known != wanted:
            batch = await anext(self.batches)
            if batch.restart:
                self.known = {}
                self.restarts += 1
            self.known |= batch.applied
            for key in batch.deleted:
                self.known.pop(key, None)


@asynccontextmanager
async def following(mirror):
    """Follow in the background."""
    task = asyncio.create_task(mirror.until(None))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


@asynccontextmanager
async def mirroring(client, space, options):
    watcher = Watcher(client, MAPS, data, Scope(space.name), options=options)
    async with aclosing(aiter(watcher)) as batches:
        yield watcher, Mirror(batches)


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


async def never(_request, _connection):
    await asyncio.Event().wait()


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


async def until(condition):
    while not condition():
        await asyncio.sleep(0.01)


# --- Tokens


async def _may_read(space):
    """Let the service account `reader` watch ConfigMaps."""
    group = "rbac.authorization.k8s.io"
    role = Resource(group, "v1", "roles", "Role")
    binding = Resource(group, "v1", "rolebindings", "RoleBinding")
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}]
    await space.client.apply(role, Key(space.name, "reader"), {"rules": rules})
    subject = {"kind": "ServiceAccount", "name": "reader", "namespace": space.name}
    reference = {"apiGroup": group, "kind": "Role", "name": "reader"}
    await space.client.apply(binding, Key(space.name, "reader"), {"subjects": [subject], "roleRef": reference})


async def token_of(client, space, name, *audiences):
    """A token of a service account; without audiences for the API server itself."""
    path = ACCOUNTS.object(Key(space, name), "token")
    spec = {"expirationSeconds": 600} | ({"audiences": list(audiences)} if audiences else {})
    return json.loads(await client.request("POST", path, body={"spec": spec}))["status"]["token"]


def test_a_watch_goes_on_when_its_token_is_renewed(apiserver, unique, tmp_path, monkeypatch):
    async def run():
        async with namespace(apiserver.kubeconfig, unique) as space, Proxy(apiserver, admin=False) as proxy:
            await space.client.create(ACCOUNTS, {"metadata": {"name": "reader"}}, namespace=space.name)
            await _may_read(space)
            token = tmp_path / "token"
            token.write_text(await token_of(space.client, space.name, "reader"))
            server = f"https://127.0.0.1:{proxy.port}"
            authority = apiserver.authority.data("ca.crt")
            path = write_kubeconfig(tmp_path / "config", server, authority, {"tokenFile": str(token)})
            async with (
                Client.find(str(path)) as reader,
                mirroring(reader, space, STREAMS) as (watcher, mirror),
            ):
                await space.put("a", "1")
                await mirror.until(space.written)
                async with following(mirror):
                    token.write_text("over")
                    monkeypatch.setattr("agw.kube.client._FRESH_SECONDS", 0)
                    proxy.cut()
                    await until(lambda: isinstance(watcher.problem, Unauthorized))
                    token.write_text(await token_of(space.client, space.name, "reader"))
                    await space.put("a", "2")
                    await until(lambda: mirror.known == space.written)
                    assert watcher.problem is None

    asyncio.run(run())


def test_a_token_is_reviewed(kubeconfig, unique):
    async def run():
        async with namespace(kubeconfig, unique) as space:
            client = space.client
            await client.create(ACCOUNTS, {"metadata": {"name": "proxy"}}, namespace=space.name)
            token = await token_of(client, space.name, "proxy", "agw-controller")
            identity = await review_token(client, token, "agw-controller")
            assert identity is not None
            assert identity.service_account == Key(space.name, "proxy")
            assert identity.audiences == ("agw-controller",)
            assert "system:serviceaccounts" in identity.groups
            assert await review_token(client, token, "another") is None
            assert await review_token(client, token[:-4] + "AAAA", "agw-controller") is None
            assert await review_token(client, "", "agw-controller") is None

    asyncio.run(run())


# --- Leader election

QUICK = Timing(lease=3.0, renew=2.0, retry=0.1)


class Candidate:
    """A candidate that does nothing but lead."""

    def __init__(self, client, key, name, timing=QUICK):
        self.election = Election(client, key, name, timing)
        self.terms = 0
        self.losses = 0
        self.ended = 0
        self.task = asyncio.create_task(self.election.run(self.lead, self.lost))

    async def lead(self):
        self.terms += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.ended += 1

    def lost(self):
        self.losses += 1

    async def stop(self):
        self.task.cancel()
        await asyncio.wait({self.task})


def test_one_of_two_leads_and_hands_over_at_once(kubeconfig, unique):
    async def run():
        async with namespace(kubeconfig, unique) as space:
            key = Key(space.name, "leader")
            long = Timing(lease=60, renew=40, retry=0.1)  # were it not released, nobody would wait for it here
            one = Candidate(space.client, key, "one", long)
            await until(lambda: one.terms == 1)
            two = Candidate(space.client, key, "two", long)
            await until(lambda: two.election.holder == "one")
            assert (one.election.leading, two.election.leading) == (True, False)
            await one.stop()
            assert (one.ended, one.losses) == (1, 0)
            await until(lambda: two.terms == 1)
            lease = await space.client.get(LEASES, key, plain)
            assert (lease["spec"]["holderIdentity"], lease["spec"]["leaseTransitions"]) == ("two", 1)
            await two.stop()
            assert (await space.client.get(LEASES, key, plain))["spec"]["holderIdentity"] == ""

    asyncio.run(run())


def test_a_leader_that_cannot_renew_stops_before_another_begins(apiserver, unique):
    async def run():
        async with (
            Proxy(apiserver) as proxy,
            namespace(apiserver.kubeconfig, unique) as space,
            Client.find(proxy.kubeconfig()) as cut_off,
        ):
            key = Key(space.name, "leader")
            one = Candidate(cut_off, key, "one")
            await until(lambda: one.terms == 1)
            two = Candidate(space.client, key, "two")
            proxy.fault = lambda _: never
            await until(lambda: two.terms == 1)
            assert (one.losses, one.ended, one.election.leading) == (1, 1, False)
            await two.stop()
            proxy.fault = lambda _: None
            await until(lambda: one.terms == 2)
            await one.stop()

    asyncio.run(run())


def test_a_stolen_lease_is_lost_and_a_label_is_not_a_theft(kubeconfig, unique):
    async def run():
        async with namespace(kubeconfig, unique) as space:
            key = Key(space.name, "leader")
            one = Candidate(space.client, key, "one")
            await until(lambda: one.terms == 1)
            await space.client.patch(LEASES, key, {"metadata": {"labels": {"a": "b"}}})
            before = (await space.client.get(LEASES, key, plain))["spec"]["renewTime"]
            while (await space.client.get(LEASES, key, plain))["spec"]["renewTime"] == before:
                assert one.losses == 0
            assert (await space.client.get(LEASES, key, plain))["metadata"]["labels"] == {"a": "b"}
            await space.client.patch(LEASES, key, {"spec": {"holderIdentity": "thief", "leaseDurationSeconds": 1}})
            await until(lambda: one.losses == 1)
            await until(lambda: one.terms == 2)
            await one.stop()

    asyncio.run(run())


def test_work_that_is_done_or_fails_gives_the_lease_back(kubeconfig, unique):
    async def fails():
        raise RuntimeError("of the work")

    async def done():
        pass

    async def run():
        async with namespace(kubeconfig, unique) as space:
            key = Key(space.name, "leader")
            await Election(space.client, key, "one", QUICK).run(done)
            assert (await space.client.get(LEASES, key, plain))["spec"]["holderIdentity"] == ""
            with pytest.raises(RuntimeError, match="of the work"):
                await Election(space.client, key, "two", QUICK).run(fails)
            assert (await space.client.get(LEASES, key, plain))["spec"]["holderIdentity"] == ""

    asyncio.run(run())


# --- Events


def test_events_are_recorded_and_counted(kubeconfig, unique, monkeypatch):
    monkeypatch.setattr("agw.kube.events.SERIES_SECONDS", 0.1)

    async def run():
        async with namespace(kubeconfig, unique) as space:
            recorder = Recorder(space.client, "example.com/controller", "pod-1")
            running = asyncio.create_task(recorder.run())
            gateway = Reference("gateway.networking.k8s.io/v1", "Gateway", space.name, "a" * 253, "some-uid")
            for _ in range(3):
                recorder.record(gateway, reason="Refused", action="Publish", note="why " * 1000, warning=True)
            recorder.record(gateway, reason="Accepted", action="Translate", note="fine")
            recorder.record(Reference("v1", "Nothing", "no-such-namespace", "x"), reason="R", action="A", note="n")

            async def counts():
                listed = await space.client.list(EVENTS, plain, Scope(space.name))
                return {each["reason"]: each.get("series", {}).get("count", 1) for each in listed.items}

            while await counts() != {"Refused": 3, "Accepted": 1}:
                await asyncio.sleep(0.05)
            recorder.record(gateway, reason="Refused", action="Publish", note="why " * 1000, warning=True)
            while await counts() != {"Refused": 4, "Accepted": 1}:
                await asyncio.sleep(0.05)
            [event] = (await space.client.list(EVENTS, plain, Scope(space.name, fields="reason=Refused"))).items
            assert event["type"] == "Warning"
            assert event["regarding"]["uid"] == "some-uid"
            assert event["reportingController"] == "example.com/controller"
            running.cancel()

    asyncio.run(run())
