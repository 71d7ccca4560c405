"""The real controller with no more than the chart's roles: a certificate of its ServiceAccount, on a server with RBAC on."""

import asyncio
import contextlib
import sys

import pytest

from agw.controller import names
from agw.controller.ownership import LABEL
from agw.kube import ApiError, Client, Forbidden, Key, Scope
from agw.translate.result import CONTROLLER
from tests.chart.helm import RELEASE
from tests.chart.installing import Server
from tests.controller.cluster import (
    AUTOSCALERS,
    BACKENDS,
    BUDGETS,
    CLASSES,
    CONFIG_MAPS,
    DEPLOYMENTS,
    EVENTS,
    GATEWAYS,
    LEASES,
    PATIENCE,
    POLICIES,
    ROUTES,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    Cluster,
    ask,
    condition,
    free_port,
)

MADE = names.made("gw")
REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
ALL_MADE = (SERVICE_ACCOUNTS, CONFIG_MAPS, DEPLOYMENTS, SERVICES, BUDGETS, AUTOSCALERS)


def as_service_account(server):
    """A kubeconfig of who the controller's pod is."""
    groups = f"/O=system:serviceaccounts/O=system:serviceaccounts:{RELEASE}"
    server.authority.sign("controller", f"{groups}/CN=system:serviceaccount:{RELEASE}:{RELEASE}")
    return server.kubeconfig_for("controller")


@contextlib.asynccontextmanager
async def controller(kubeconfig, log):
    port = free_port()
    command = ["--kubeconfig", kubeconfig, "--namespace", RELEASE, "--name", "only", "--image", "agw:test"]
    command += ["--publish", "127.0.0.1:0", "--advertise", "127.0.0.1:1", "--health", f"127.0.0.1:{port}"]
    with log.open("wb") as errors:
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "agw", "controller", *command, stderr=errors, stdout=errors
        )
    try:
        yield port
        program.terminate()
        assert await program.wait() == 0
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()


async def populate(yours):
    """A Gateway with a route, an agent, and keys."""
    await yours.gateway()
    await yours.route()
    targets = [{"name": "a", "static": {"host": "192.0.2.7", "port": 9999}}]
    await yours.create(BACKENDS, "agent", {"spec": {"type": "A2A", "a2a": {"targets": targets}}})
    spec = {
        "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gw"}],
        "traffic": {"authentication": {"apiKeyAuth": {"secretRef": {"name": "keys"}}}},
    }
    await yours.create(POLICIES, "p", {"spec": spec})
    await yours.create(SECRETS, "keys", {"stringData": {"alice": "secret-a"}})


def accepted(found):
    (ancestor,) = (found or {}).get("status", {}).get("ancestors", ()) or ({},)
    return condition(None, "Accepted", ancestor)


async def works(yours):
    """Everything but keys does, by what the controller writes."""
    for resource in ALL_MADE:
        await yours.until(resource, MADE, bool)
    await yours.until(GATEWAYS, "gw", lambda it: (it.get("status") or {}).get("addresses"))
    await yours.until(ROUTES, "r", lambda it: (it.get("status") or {}).get("parents"))
    await yours.until(BACKENDS, "agent", lambda it: condition(it, "Accepted")[0] == "True")


async def let_go(yours):
    await yours.client.apply(CLASSES, Key("", "somebody-elses"), {"spec": {"controllerName": "example.com/other"}})
    await yours.patch(GATEWAYS, "gw", {"spec": {"gatewayClassName": "somebody-elses"}})
    for resource in ALL_MADE:
        await yours.until(resource, MADE, lambda it: it is None or it["metadata"].get("deletionTimestamp"))


async def reads_secrets(client, namespace):
    try:
        await client.list(SECRETS, bytes, Scope(namespace))
    except Forbidden:
        return False
    return True


@pytest.mark.parametrize("named", [False, True], ids=["all-secrets", "secrets-of-some"])
def test_the_roles_are_enough_and_no_more(own_apiserver, tmp_path, unique, named):
    server = Server.on(own_apiserver)
    mine, elsewhere = unique("mine"), unique("elsewhere")
    server.namespace(mine, elsewhere)
    values = ["--set=dataPlane.hpa.maxReplicas=4", "--set=dataPlane.serviceType=ClusterIP"]
    values += [f"--set=rbac.secretNamespaces={{{mine}}}"] if named else []
    server.install(RELEASE, RELEASE, *values)
    kubeconfig, log = as_service_account(own_apiserver), tmp_path / "controller.log"

    async def run():
        async with Client.find(str(own_apiserver.kubeconfig), manager="tests") as client:
            ours, others = (Cluster(client, each, own_apiserver.kubeconfig) for each in (mine, elsewhere))
            async with controller(str(kubeconfig), log) as port:
                for each in (ours, others):
                    await populate(each)
                await works(ours)
                await works(others)
                await ours.until(POLICIES, "p", lambda it: accepted(it) == ("True", "Valid"))
                wanted = "False" if named else "True"
                await others.until(POLICIES, "p", lambda it: accepted(it)[0] == wanted)
                await claims(ours)
                await let_go(ours)
                assert (await ask(port, "/readyz"))[0] == 200
            await is_told(others)
            there = Cluster(client, RELEASE, own_apiserver.kubeconfig)
            assert (await there.get(LEASES, RELEASE))["spec"].get("holderIdentity", "") == ""
            assert await there.get(SECRETS, f"{RELEASE}-tls")
        await may_not(kubeconfig, named, mine, elsewhere)

    async def claims(yours):
        await yours.client.apply(CLASSES, Key("", mine), {"spec": {"controllerName": CONTROLLER}})
        await yours.until(CLASSES, mine, lambda it: it["metadata"].get("labels", {}).get(LABEL) == RELEASE)
        await yours.until(CLASSES, mine, lambda it: condition(it, "Accepted")[0] == "True")
        await yours.client.delete(CLASSES, Key("", mine))

    async def is_told(yours):
        async with asyncio.timeout(PATIENCE):
            while named and not [
                each for each in await yours.list(EVENTS) if each["regarding"]["kind"] == "TrafficPolicy"
            ]:
                await asyncio.sleep(0.1)  # between two looks

    asyncio.run(run())
    refused = [line for line in log.read_text().splitlines() if "forbidden" in line.lower()]
    assert all("secrets" in line and mine not in line for line in refused), refused
    assert bool(refused) is named
    server.uninstall()


async def may_not(kubeconfig, named, mine, elsewhere):
    async with Client.find(str(kubeconfig), manager="tests") as client:
        token = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": "x"}}
        await client.request("POST", REVIEWS, body=token)
        assert await reads_secrets(client, mine)
        assert await reads_secrets(client, elsewhere) is not named
        assert await reads_secrets(client, "") is not named
        for resource, key in ((GATEWAYS, Key(elsewhere, "gw")), (ROUTES, Key(elsewhere, "r"))):
            with pytest.raises(Forbidden):
                await client.patch(resource, key, {"spec": {}})
        with pytest.raises(ApiError):
            await client.delete(SECRETS, Key(mine, "keys"))
