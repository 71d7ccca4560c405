"""A controller on a real API server and `agw proxy` with a real ServiceAccount's token: who is let in, and what is served."""

from __future__ import annotations

import asyncio
import io
import signal
import subprocess
import sys
from contextlib import asynccontextmanager

import msgspec

from agw.controller import names
from agw.dataplane import subscription
from agw.dataplane.dial import Where
from agw.dataplane.logs import Log
from agw.dataplane.subscription import Subscriber, Subscription
from agw.settings import Address
from tests.controller.cluster import (
    BACKENDS,
    CONFIG_MAPS,
    GATEWAYS,
    POLICIES,
    ROUTES,
    SERVICE_ACCOUNTS,
    cluster,
    condition,
    controller,
    install,
)
from tests.controller.test_newer_crds import TARGET, any_spec, put, release
from tests.ports import free_port
from tests.processes.gateway import PATIENCE, ROOT, agent, eventually
from tests.publish.fleet import Fleet, environment, fleet, traffic
from tests.publish.stage import DataPlane
from tests.publish.stage import eventually as soon

MADE = names.made("gw")


async def token(yours, account, audience):
    """What a kubelet would put into a pod's volume."""
    path = SERVICE_ACCOUNTS.object(yours.key(SERVICE_ACCOUNTS, account), "token")
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": [audience]}}
    answer = msgspec.json.decode(await yours.client.request("POST", path, body=body))
    return answer["status"]["token"]


async def until(condition, what):
    """Wait in a thread: the controller lives in this loop."""
    await asyncio.to_thread(eventually, condition, what)


async def reads(all_of_it: Fleet, text: str) -> None:
    """Write the token's file as a kubelet does, in one step."""
    aside = all_of_it.folder / "token.new"
    aside.write_text(text)
    aside.replace(all_of_it.folder / "token")


@asynccontextmanager
async def in_loop(kubeconfig, namespace):
    """A controller in this loop; gives its port."""
    async with controller(kubeconfig, namespace) as process:
        yield "127.0.0.1", process._options.publish.port


@asynccontextmanager
async def scene(kubeconfig, folder, run_controller=in_loop):
    """A cluster with a Gateway and one route to an agent, its controller, and the files of a pod without a token yet."""
    with agent() as upstream:
        async with cluster(kubeconfig) as yours, run_controller(kubeconfig, yours.namespace) as where:
            await yours.gateway()
            spec = {
                "type": "A2A",
                "a2a": {"targets": [{"name": "t", "static": {"host": "127.0.0.1", "port": upstream.port}}]},
            }
            await yours.create(BACKENDS, "b", {"spec": spec})
            await add_route(yours, "r", "/a")
            await yours.until(SERVICE_ACCOUNTS, MADE, lambda it: it is not None)
            trust = await yours.until(CONFIG_MAPS, MADE, lambda it: it is not None)
            with fleet(folder) as all_of_it:
                all_of_it.host, all_of_it.port = where
                all_of_it.gateway = f"{yours.namespace}/gw"
                (folder / "ca.crt").write_text(trust["data"]["ca.crt"])
                yield yours, all_of_it


async def add_route(yours, name, path):
    backend = {"group": "agentgateway.alibabacloud.com", "kind": "Backend", "name": "b"}
    rule = {"matches": [{"path": {"value": path}}], "backendRefs": [backend]}
    await yours.route(name, rules=[rule])


def test_a_pods_token_lets_it_in_and_changes_are_served(kubeconfig, tmp_path):
    async def run():
        async with scene(kubeconfig, tmp_path) as (yours, all_of_it):
            await reads(all_of_it, await token(yours, MADE, names.audience(yours.namespace)))
            proxy = all_of_it.proxy()
            await asyncio.to_thread(proxy.wait_ready, "from the controller; connected to the controller")
            await until(lambda: proxy.get("/a") == 200, "the route is served")
            assert proxy.get("/b") == 404
            await add_route(yours, "s", "/b")
            await until(lambda: proxy.get("/b") == 200, "the new route is served")
            await yours.delete(ROUTES, "s")
            await until(lambda: proxy.get("/b") == 404, "it is gone")
            await asyncio.to_thread(proxy.end)

    asyncio.run(run())


def test_a_policy_of_a_later_release_answers_500_until_it_is_one_of_this(apiserver, tmp_path):
    async def run():
        async with scene(apiserver.kubeconfig, tmp_path) as (yours, all_of_it):
            try:
                await release(yours.client, "trafficpolicies", any_spec)
                await reads(all_of_it, await token(yours, MADE, names.audience(yours.namespace)))
                proxy = all_of_it.proxy()
                await asyncio.to_thread(proxy.wait_ready, "connected to the controller")
                await until(lambda: proxy.get("/a") == 200, "the route is served")
                await add_route(yours, "s", "/b")
                await put(yours, POLICIES, "p", {"targetRefs": [TARGET], "traffic": {"ofNextYear": {}}})
                await until(lambda: proxy.get("/a") == 500, "its target is closed")
                await until(lambda: proxy.get("/b") == 200, "the other route is not")
                await yours.patch(POLICIES, "p", {"spec": {"traffic": {"ofNextYear": None}}})
                await yours.patch(POLICIES, "p", {"spec": {"traffic": {"timeouts": {"request": "0s"}}}})
                await until(lambda: proxy.get("/a") == 200, "it is open again")
                await asyncio.to_thread(proxy.end)
            finally:
                await yours.delete(POLICIES, "p")
                await install(yours.client)

    asyncio.run(run())


def test_other_tokens_do_not(kubeconfig, tmp_path):
    async def run():
        async with scene(kubeconfig, tmp_path) as (yours, all_of_it):
            await yours.create(SERVICE_ACCOUNTS, "other", {})
            audience = names.audience(yours.namespace)
            whole = await token(yours, MADE, audience)
            refused = {
                "the token is not valid here": [
                    await token(yours, MADE, "another-audience"),
                    whole[:-8] + "AAAAAAAA",
                    "nonsense",
                ],
                "the token is of ServiceAccount": [await token(yours, "other", audience)],
            }
            proxy = all_of_it.proxy()
            for reason, tokens in refused.items():
                for text in tokens:
                    await reads(all_of_it, text)
                    await until(lambda reason=reason: reason in proxy.ready()[1], reason)
            assert proxy.ready()[0] == 503
            await reads(all_of_it, whole)
            await asyncio.to_thread(proxy.wait_ready, "connected to the controller")
            await asyncio.to_thread(proxy.end)
            assert whole not in proxy.log.read_text()

    asyncio.run(run())


def test_a_refused_configuration_is_a_condition(kubeconfig, tmp_path, monkeypatch):
    async def run():
        async with scene(kubeconfig, tmp_path) as (yours, all_of_it):
            await reads(all_of_it, await token(yours, MADE, names.audience(yours.namespace)))
            proxy = all_of_it.proxy()
            await asyncio.to_thread(proxy.wait_ready, "connected to the controller")
            with monkeypatch.context() as later:
                later.setattr("agw.controller.publish.ledger.encode", lambda _: bytes((99,)))
                await add_route(yours, "s", "/b")
                said = await yours.until(
                    GATEWAYS, "gw", lambda it: "cannot use it" in msgspec.json.encode(it["status"]).decode()
                )
                assert "snapshot format 99" in msgspec.json.encode(said["status"]).decode()
                assert proxy.get("/a") == 200
            await add_route(yours, "t", "/c")
            await until(lambda: proxy.get("/c") == 200, "the next one is served")
            await yours.until(
                GATEWAYS, "gw", lambda it: "cannot use it" not in msgspec.json.encode(it["status"]).decode()
            )
            assert condition(await yours.get(GATEWAYS, "gw"), "Accepted")[0] == "True"
            await asyncio.to_thread(proxy.end)

    asyncio.run(run())


class Replica:
    """`agw controller` as a process."""

    def __init__(self, kubeconfig, namespace, log, name="one"):
        self.port, self.health = free_port(), free_port()
        self._command = [sys.executable, "-m", "agw", "controller", f"--kubeconfig={kubeconfig}", "--image=agw:test"]
        self._command += [f"--namespace={namespace}", f"--publish=127.0.0.1:{self.port}", f"--name={name}"]
        self._command += [f"--advertise=localhost:{self.port}", f"--health=127.0.0.1:{self.health}"]
        self.log = log
        self.start()

    def start(self):
        with self.log.open("ab") as stderr:
            self.process = subprocess.Popen(self._command, stderr=stderr, cwd=ROOT, env=environment())

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def test_a_controller_that_is_killed_under_traffic_comes_back_and_no_request_notices(kubeconfig, tmp_path):
    replicas = []

    @asynccontextmanager
    async def as_process(kubeconfig, namespace):
        replicas.append(Replica(kubeconfig, namespace, tmp_path / "controller.log"))
        try:
            yield "localhost", replicas[0].port
            assert await asyncio.to_thread(replicas[0].end) == 0
        finally:
            replicas[0].process.kill()
            replicas[0].process.wait()

    async def run():
        async with scene(kubeconfig, tmp_path, as_process) as (yours, all_of_it):
            await reads(all_of_it, await token(yours, MADE, names.audience(yours.namespace)))
            proxy = all_of_it.proxy()
            await asyncio.to_thread(proxy.wait_ready, "from the controller; connected to the controller")
            await until(lambda: proxy.get("/a") == 200, "the route is served")
            with traffic(proxy.port, "/a"):
                for number, how in enumerate((signal.SIGKILL, signal.SIGTERM)):
                    await asyncio.to_thread(replicas[0].end, how)
                    await asyncio.to_thread(proxy.wait_ready, "not connected to the controller")
                    await add_route(yours, f"s{number}", f"/b{number}")
                    replicas[0].start()
                    await until(lambda number=number: proxy.get(f"/b{number}") == 200, "the new route is served")
            await asyncio.to_thread(proxy.end)

    asyncio.run(run())


def test_the_standby_takes_over_and_sends_nothing_that_is_there(kubeconfig, tmp_path, monkeypatch):
    told = io.StringIO()

    async def run():
        async with cluster(kubeconfig) as yours:
            await yours.gateway()
            replicas = [Replica(kubeconfig, yours.namespace, tmp_path / f"{name}.log", name) for name in ("one", "two")]

            async def both(_):
                return [("127.0.0.1", replica.port) for replica in replicas]

            monkeypatch.setattr(subscription, "addresses", both)
            try:
                await yours.until(SERVICE_ACCOUNTS, MADE, lambda it: it is not None)
                trust = await yours.until(CONFIG_MAPS, MADE, lambda it: it is not None)
                (tmp_path / "ca.crt").write_text(trust["data"]["ca.crt"])
                (tmp_path / "token").write_text(await token(yours, MADE, names.audience(yours.namespace)))
                where = Where(Address("localhost", 0), tmp_path / "token", tmp_path / "ca.crt")
                subscriber = Subscriber(f"{yours.namespace}/gw", "pod-0", tmp_path / "state")
                plane = DataPlane(Subscription(where, subscriber, Log("debug", stream=told)))
                try:
                    await take_over(plane, replicas)
                    await yours.route()
                    await soon(lambda: len(plane.updates) == 2, "a change of the new leader's")
                    assert plane.updates[1].changed == {f"rule/HTTPRoute/{yours.namespace}/r/0"}
                finally:
                    await plane.end()
            finally:
                for replica in replicas:
                    replica.process.kill()
                    replica.process.wait()

    asyncio.run(run())
    assert "eyJ" not in told.getvalue()  # as tokens begin


async def take_over(plane, replicas):
    """End the leader politely, then the next one by force; each time the other leads, and has nothing to send."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        await soon(lambda: plane.subscription.describe().connected, "connected")
        (leader,) = [each for each in replicas if f":{each.port}" in plane.subscription.describe().text]
        await asyncio.to_thread(leader.end, how)
        await soon(lambda: not plane.subscription.describe().connected, "not connected")
        await soon(lambda: plane.subscription.describe().connected, "connected to the other")
        assert f":{leader.port}" not in plane.subscription.describe().text
        leader.start()
    assert len(plane.updates) == 1
