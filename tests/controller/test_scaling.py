"""How many pods a data plane has: a parameter's number is held, any other is whose who scales."""

import asyncio

from agw.controller import names
from agw.controller.provision import manifests
from agw.kube import Client
from agw.translate.result import CONTROLLER
from tests.controller.cluster import (
    AUTOSCALERS,
    CONFIG_MAPS,
    DEPLOYMENTS,
    GATEWAYS,
    PATIENCE,
    SERVICES,
    listener,
    scenario,
)

MADE = names.made("gw")
OF_MINE = {"parametersRef": {"group": "", "kind": "ConfigMap", "name": "mine"}}


async def looked(process):
    """Wait until the controller has looked at everything once more, twice."""
    for _ in range(2):
        provisioner = process._reconciler.provisioner
        provisioner.again()
        async with asyncio.timeout(PATIENCE):
            while len(provisioner.queue):
                await asyncio.sleep(0.02)


async def scale(yours, count):
    """What `kubectl scale` and an autoscaler do."""
    await yours.patch(DEPLOYMENTS, MADE, {"spec": {"replicas": count}}, subresource="scale")


def has(count):
    return lambda it: it is not None and it["spec"]["replicas"] == count


@scenario
async def test_a_person_who_scales_is_left_alone(yours, process):
    await yours.gateway()
    await yours.until(DEPLOYMENTS, MADE, has(2))
    await looked(process)
    for count in (7, 0, 1, 3):
        await scale(yours, count)
        await looked(process)
        assert has(count)(await yours.get(DEPLOYMENTS, MADE))
    spec = {"listeners": [listener("other", 81)], "infrastructure": {"labels": {"team": "blue"}}}
    await yours.patch(GATEWAYS, "gw", {"spec": spec})
    await yours.until(DEPLOYMENTS, MADE, lambda it: it["spec"]["template"]["metadata"]["labels"].get("team") == "blue")
    await looked(process)
    assert has(3)(await yours.get(DEPLOYMENTS, MADE))


@scenario
async def test_a_parameters_number_is_held_and_given_up(yours, process):
    await yours.create(CONFIG_MAPS, "mine", {"data": {"replicas": "3"}})
    await yours.gateway(infrastructure=OF_MINE)
    await yours.until(DEPLOYMENTS, MADE, has(3))
    await scale(yours, 7)
    await yours.until(DEPLOYMENTS, MADE, has(3))
    await yours.patch(CONFIG_MAPS, "mine", {"data": {"replicas": None, "serviceAnnotations": "{a: b}"}})
    await yours.until(SERVICES, MADE, lambda it: it["metadata"].get("annotations") == {"a": "b"})
    await looked(process)
    assert has(3)(await yours.get(DEPLOYMENTS, MADE)), "given up as it was"
    await scale(yours, 5)
    await looked(process)
    assert has(5)(await yours.get(DEPLOYMENTS, MADE))
    await yours.patch(CONFIG_MAPS, "mine", {"data": {"replicas": "4"}})
    await yours.until(DEPLOYMENTS, MADE, has(4))


@scenario
async def test_an_older_release_held_the_number(yours, process):
    """An upgrade must not go through one replica, which is what a field that nobody applies any more falls back to."""
    await yours.gateway()
    await yours.until(DEPLOYMENTS, MADE, has(2))
    await looked(process)
    reconciler = process._reconciler
    (wanted,) = [each for each in reconciler.provisioner._wanted.values() if each.namespace == yours.namespace]
    body = next(body for resource, body in manifests(wanted, process._installation()) if resource == DEPLOYMENTS)
    body = {**body, "spec": {**body["spec"], "replicas": 4}}
    generation = (await yours.get(DEPLOYMENTS, MADE))["metadata"]["generation"]
    async with Client.find(yours.kubeconfig, manager=CONTROLLER) as older:
        await older.apply(DEPLOYMENTS, yours.key(DEPLOYMENTS, MADE), body)
    await looked(process)
    found = await yours.get(DEPLOYMENTS, MADE)
    assert has(4)(found)
    assert found["metadata"]["generation"] == generation + 1, "the number was never another one"
    await scale(yours, 6)
    await looked(process)
    assert has(6)(await yours.get(DEPLOYMENTS, MADE))


@scenario
async def test_an_autoscaler_of_somebody_is_left_alone(yours, process):
    await yours.needs_controllers()
    await yours.gateway()
    await yours.until(DEPLOYMENTS, MADE, has(2))
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": MADE}
    spec = {"scaleTargetRef": target, "minReplicas": 4, "maxReplicas": 9}
    await yours.create(AUTOSCALERS, "mine", {"spec": spec})
    await yours.until(DEPLOYMENTS, MADE, has(4))
    await looked(process)
    await yours.patch(GATEWAYS, "gw", {"spec": {"infrastructure": {"labels": {"team": "blue"}}}})
    await yours.until(DEPLOYMENTS, MADE, lambda it: it["spec"]["template"]["metadata"]["labels"].get("team") == "blue")
    await looked(process)
    assert has(4)(await yours.get(DEPLOYMENTS, MADE))
    assert await yours.get(AUTOSCALERS, "mine"), "and nobody takes it for ours"
