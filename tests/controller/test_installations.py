"""Two installations in one cluster: one works, the other says why it does not, and touches nothing."""

import asyncio
import contextlib

import msgspec

from agw.controller import names
from agw.controller.decode import Held
from agw.controller.ownership import LABEL, foreign
from agw.kube import Key, Scope
from agw.resources.meta import Object, ObjectMeta
from agw.translate.result import CONTROLLER
from tests.controller.cluster import (
    BUDGETS,
    CLASSES,
    DEPLOYMENTS,
    EVENTS,
    GATEWAYS,
    NAMESPACES,
    PATIENCE,
    ROUTES,
    SERVICES,
    Log,
    ask,
    cluster,
    condition,
    controller,
    fresh,
    hand_over,
    listener,
)

MADE = names.made("gw")
CLASS = "ack-agent-gateway"


async def until(true):
    async with asyncio.timeout(PATIENCE):
        while not true():
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def two(kubeconfig, *, label=True):
    """(a cluster, its controller, namespace, log and controller of a second installation)."""
    async with cluster(kubeconfig) as yours:
        if not label:
            await hand_over(yours.client, None)
        async with controller(kubeconfig, yours.namespace) as first:
            await until(lambda: first._reconciler is not None and first._reconciler.leading.is_set())
            second, log = f"{yours.namespace}-b", Log()
            await yours.client.create(
                NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": second}}
            )
            async with controller(kubeconfig, second, log) as other:
                yield yours, first, second, log, other


def controllers(deployment):
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return [each for each in container["args"] if each.startswith("--controller=")]


def aside(log):
    return [fields["error"] for level, event, fields in log.lines if level == "error" and "standing aside" in event]


def terms(log):
    return [event for _, event, _ in log.lines].count("leading")


def test_a_second_installation_stands_aside_and_says_so(kubeconfig):
    async def run():
        async with two(kubeconfig) as (yours, first, second, log, other):
            await yours.gateway()
            await yours.route()
            await yours.until(BUDGETS, MADE, bool)
            await yours.until(ROUTES, "r", lambda it: it.get("status", {}).get("parents"))
            await until(lambda: other._ownership is not None and other._ownership.why)
            status, said = await ask(other._options.health.port, "/readyz")
            assert status == 503
            assert f"GatewayClass {CLASS} belongs to the installation in the namespace {yours.namespace!r}" in said
            # What a fight would have changed stays as it is while the first goes on working.
            deployment = await yours.get(DEPLOYMENTS, MADE)
            assert deployment["metadata"]["labels"][LABEL] == yours.namespace
            await yours.patch(GATEWAYS, "gw", {"spec": {"listeners": [listener(), listener("more", 8080)]}})
            await yours.until(SERVICES, MADE, lambda it: len(it["spec"]["ports"]) == 2)
            after = await yours.get(DEPLOYMENTS, MADE)
            assert after["metadata"]["generation"] == deployment["metadata"]["generation"]
            assert controllers(after) == [f"--controller={first._options.publish}"]
            assert other._reconciler is None
            async with asyncio.timeout(PATIENCE):
                while not (found := await told(yours)):
                    await asyncio.sleep(0.05)
            assert all(second in event["note"] for event in found)
            # Once a term; a busy machine may have cost it the Lease, and with it a term.
            assert len(found) <= len(aside(log)) <= terms(log)

    async def told(yours):
        events = (await yours.client.list(EVENTS, msgspec.json.decode, Scope("default"))).items
        mine = [each for each in events if yours.namespace in each.get("note", "")]
        return [each for each in mine if each["reason"] == "AnotherInstallation" and each["type"] == "Warning"]

    asyncio.run(run())


def test_a_class_that_is_handed_over_is_served_by_the_other(kubeconfig):
    async def run():
        async with two(kubeconfig) as (yours, first, second, _log, other):
            await yours.gateway()
            await yours.until(BUDGETS, MADE, bool)
            await hand_over(yours.client, second)
            wanted = [f"--controller={other._options.publish}"]
            await yours.until(DEPLOYMENTS, MADE, lambda it: controllers(it) == wanted)
            await until(lambda: first._ownership.why and first._reconciler is None)
            await yours.patch(GATEWAYS, "gw", {"spec": {"listeners": [listener("other", 81)]}})
            await yours.until(GATEWAYS, "gw", lambda it: fresh(it) and it["status"]["listeners"][0]["name"] == "other")
            deployment = await yours.get(DEPLOYMENTS, MADE)
            assert controllers(deployment) == wanted
            assert deployment["metadata"]["labels"][LABEL] == second
            assert (await ask(other._options.health.port, "/readyz"))[0] == 200

    asyncio.run(run())


def test_a_class_of_nobody_is_claimed_by_one(kubeconfig):
    async def run():
        async with two(kubeconfig, label=False) as (yours, _first, _second, _log, other):
            found = await yours.until(CLASSES, CLASS, lambda it: it["metadata"].get("labels", {}).get(LABEL))
            assert found["metadata"]["labels"][LABEL] == yours.namespace
            await until(lambda: other._ownership is not None and other._ownership.why)
            # One that comes later is the same one's, and served.
            await yours.client.apply(CLASSES, Key("", yours.namespace), {"spec": {"controllerName": CONTROLLER}})
            await yours.gateway(gatewayClassName=yours.namespace)
            await yours.until(GATEWAYS, "gw", lambda it: condition(it, "Accepted")[0] == "True")
            assert (await yours.get(CLASSES, yours.namespace))["metadata"]["labels"][LABEL] == yours.namespace
            await yours.client.delete(CLASSES, Key("", yours.namespace))

    asyncio.run(run())


def test_of_two_that_claim_at_once_one_has_it(kubeconfig):
    async def run():
        async with cluster(kubeconfig) as yours:
            await hand_over(yours.client, None)
            second = f"{yours.namespace}-b"
            await yours.client.create(
                NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": second}}
            )
            async with controller(kubeconfig, yours.namespace) as one, controller(kubeconfig, second) as other:
                await until(lambda: [each._reconciler is not None for each in (one, other)].count(True) == 1)
                await until(
                    lambda: [bool(each._ownership and each._ownership.why) for each in (one, other)].count(True) == 1
                )
                found = await yours.get(CLASSES, CLASS)
                works = next(each for each in (one, other) if each._reconciler is not None)
                assert found["metadata"]["labels"][LABEL] == works._options.namespace

    asyncio.run(run())


def test_a_class_that_cannot_be_read_is_nobodys():
    held = Held(Object("v1", "GatewayClass", ObjectMeta("odd")), refusal="no spec")
    assert foreign({Key("", "odd"): held}, "here") == []
