"""A data plane that the API server does not let us make: what its Gateway says, and that it recovers."""

import asyncio

import pytest

from agw.controller import names
from agw.kube import ApiError, Key, Resource
from tests.controller.cluster import (
    BUDGETS,
    DEPLOYMENTS,
    GATEWAYS,
    NAMESPACES,
    PATIENCE,
    SERVICES,
    Log,
    cluster,
    condition,
    controller,
    fresh,
    listener,
)

MADE = names.made("gw")
QUOTAS = Resource("", "v1", "resourcequotas", "ResourceQuota")
ADMISSION = "admissionregistration.k8s.io"
RULES = Resource(ADMISSION, "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", namespaced=False)
BINDINGS = Resource(
    ADMISSION, "v1", "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", namespaced=False
)


def scenario(function):
    """Run a coroutine that takes (its cluster, a running controller's log)."""

    def test(kubeconfig):
        async def run():
            log = Log()
            async with cluster(kubeconfig) as yours, controller(kubeconfig, yours.namespace, log):
                await function(yours, log)

        asyncio.run(run())

    test.__name__ = function.__name__
    return test


async def quota(yours, **hard):
    """What the quota controller makes of a ResourceQuota, with nothing used yet."""
    hard = {name.replace("_", "/"): value for name, value in hard.items()}
    await yours.create(QUOTAS, "q", {"spec": {"hard": hard}})
    status = {"status": {"hard": hard, "used": dict.fromkeys(hard, "0")}}
    await yours.patch(QUOTAS, "q", status, subresource="status")


async def forbid(yours, resource, rule, trial):
    """An admission plugin that lets only what is so be written in this namespace; trial: what it refuses, from now on."""
    where = {"matchLabels": {"kubernetes.io/metadata.name": yours.namespace}}
    of = {"apiGroups": [resource.group], "apiVersions": ["*"], "resources": [resource.plural]}
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "namespaceSelector": where,
            "resourceRules": [{**of, "operations": ["CREATE", "UPDATE"]}],
        },
        "validations": [{"expression": rule, "message": "the platform team says no"}],
    }
    await yours.client.apply(RULES, Key("", yours.namespace), {"spec": spec})
    binding = {"policyName": yours.namespace, "validationActions": ["Deny"]}
    await yours.client.apply(BINDINGS, Key("", yours.namespace), {"spec": binding})
    whole = {"apiVersion": resource.api_version, "kind": resource.kind, **trial}
    whole["metadata"] = {"generateName": "trial-", **whole.get("metadata", {})}
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await yours.client.request("POST", resource.collection(yours.namespace), {"dryRun": "All"}, whole)
            except ApiError as error:
                if "says no" in str(error):
                    return
            await asyncio.sleep(0.05)


async def permit(yours):
    await yours.client.delete(BINDINGS, Key("", yours.namespace))
    await yours.client.delete(RULES, Key("", yours.namespace))


def programmed(gateway):
    conditions = gateway.get("status", {}).get("conditions", ())
    return next((item for item in conditions if item["type"] == "Programmed"), {})


def because(*words):
    """Whether a Gateway is not programmed, with these words."""
    return lambda it: (
        fresh(it) and programmed(it)["status"] == "False" and all(word in programmed(it)["message"] for word in words)
    )


async def serving(yours):
    if await yours.has_controllers():
        pytest.skip("the Deployment's real controller knows that no pod runs")
    await yours.gateway()
    await yours.until(BUDGETS, MADE, bool)
    await yours.give_address(MADE)
    await yours.start_pods(MADE)
    await yours.until(GATEWAYS, "gw", lambda it: condition(it, "Programmed") == ("True", "Programmed"))


@scenario
async def test_a_quota_keeps_nothing_else_from_being_made(yours, log):
    await quota(yours, **{"count_deployments.apps": "0"})
    await yours.gateway()
    await yours.until(GATEWAYS, "gw", because(f"Deployment {MADE}: ", "exceeded quota: q"))
    gateway = await yours.get(GATEWAYS, "gw")
    assert programmed(gateway)["reason"] == "NoResources"
    assert condition(gateway, "Accepted") == ("True", "Accepted")
    await yours.until(SERVICES, MADE, bool)
    await yours.until(BUDGETS, MADE, bool)
    assert await yours.get(DEPLOYMENTS, MADE) is None
    await yours.delete(QUOTAS, "q")
    await yours.until(DEPLOYMENTS, MADE, bool)
    await yours.until(GATEWAYS, "gw", lambda it: condition(it, "Programmed") == ("False", "AddressNotAssigned"))


@scenario
async def test_a_service_that_cannot_be_changed_takes_programmed_away(yours, log):
    await serving(yours)
    trial = {"spec": {"ports": [{"name": f"p{port}", "port": port} for port in (1, 2)]}}
    await forbid(yours, SERVICES, "object.spec.ports.size() < 2", trial)
    await yours.patch(GATEWAYS, "gw", {"spec": {"listeners": [listener(), listener("more", 8080)]}})
    said = await yours.until(GATEWAYS, "gw", because(f"Service {MADE}: ", "the platform team says no"))
    assert said["status"]["addresses"] == [{"type": "IPAddress", "value": "192.0.2.1"}], "what there is serves on"
    async with asyncio.timeout(20):
        while not [event for event in await yours.events(programmed(said)["reason"]) if "says no" in event["note"]]:
            await asyncio.sleep(0.05)
    await permit(yours)
    await yours.until(SERVICES, MADE, lambda it: len(it["spec"]["ports"]) == 2)
    await yours.until(GATEWAYS, "gw", lambda it: fresh(it) and condition(it, "Programmed") == ("True", "Programmed"))


@scenario
async def test_a_deployment_that_cannot_be_changed_takes_programmed_away(yours, log):
    await serving(yours)
    labels = {"team": "blue"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
    trial = {"metadata": {"labels": labels}, "spec": {"selector": {"matchLabels": labels}, "template": pod}}
    await forbid(yours, DEPLOYMENTS, "!('team' in object.metadata.labels)", trial)
    await yours.patch(GATEWAYS, "gw", {"spec": {"infrastructure": {"labels": {"team": "blue"}}}})
    await yours.until(GATEWAYS, "gw", because(f"Deployment {MADE}: ", "the platform team says no"))
    assert (await yours.get(SERVICES, MADE))["metadata"]["labels"]["team"] == "blue"
    await permit(yours)
    await yours.until(GATEWAYS, "gw", lambda it: fresh(it) and condition(it, "Programmed") == ("True", "Programmed"))


@scenario
async def test_a_budget_that_cannot_be_made_is_said_and_takes_nothing_away(yours, log):
    if await yours.has_controllers():
        pytest.skip("the Deployment's real controller knows that no pod runs")
    await forbid(yours, BUDGETS, "false", {"spec": {"maxUnavailable": 1}})
    await yours.gateway()
    await yours.until(DEPLOYMENTS, MADE, bool)
    await yours.until(SERVICES, MADE, bool)
    await yours.give_address(MADE)
    await yours.start_pods(MADE)
    found = await yours.until(
        GATEWAYS, "gw", lambda it: condition(it, "Programmed")[0] == "True" and "says no" in programmed(it)["message"]
    )
    assert f"PodDisruptionBudget {MADE}" in programmed(found)["message"]
    await permit(yours)
    await yours.until(GATEWAYS, "gw", lambda it: programmed(it)["message"] == "served at 192.0.2.1")


@scenario
async def test_a_namespace_that_ends_is_no_trouble(yours, log):
    await yours.gateway()
    await yours.until(BUDGETS, MADE, bool)
    await yours.client.delete(NAMESPACES, Key("", yours.namespace))
    # Without its controller nothing else happens: so take things away as that one does, which a controller mends elsewhere.
    for resource in (SERVICES, DEPLOYMENTS, BUDGETS):
        await yours.delete(resource, MADE)
    async with asyncio.timeout(20):
        while not [line for line in log.lines if "namespace that ends" in line[1]]:
            await asyncio.sleep(0.05)
    for resource in (SERVICES, DEPLOYMENTS, BUDGETS):
        assert await yours.get(resource, MADE) is None
    assert not [line for line in log.lines if "cannot be made" in line[1]]
    assert len([line for line in log.lines if "namespace that ends" in line[1]]) == 1
