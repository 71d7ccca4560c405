"""What a controller makes of a Gateway on a real API server, and how it is held to what was asked for."""

import pytest

from agw.controller import names
from agw.kube import Key
from agw.translate.result import CONTROLLER
from tests.controller.cluster import (
    AUTOSCALERS,
    BUDGETS,
    CLASSES,
    CONFIG_MAPS,
    DEPLOYMENTS,
    GATEWAYS,
    MADE,
    SERVICE_ACCOUNTS,
    SERVICES,
    condition,
    fresh,
    listener,
    scenario,
)


@scenario
async def test_a_changed_port_changes_the_service_and_no_pod(yours, process):
    await yours.gateway()
    # The number of pods is set once, after the Deployment is made.
    before = await yours.until(DEPLOYMENTS, MADE, lambda it: it and it["spec"]["replicas"] == 2)
    ports = lambda it: sorted(port["port"] for port in it["spec"]["ports"])  # noqa: E731
    await yours.until(SERVICES, MADE, lambda it: it and ports(it) == [80])
    await yours.patch(GATEWAYS, "gw", {"spec": {"listeners": [listener(), listener("more", 8080)]}})
    await yours.until(SERVICES, MADE, lambda it: ports(it) == [80, 8080])
    await yours.patch(GATEWAYS, "gw", {"spec": {"listeners": [listener("more", 8080)]}})
    await yours.until(SERVICES, MADE, lambda it: ports(it) == [8080])
    assert (await yours.get(DEPLOYMENTS, MADE))["metadata"]["generation"] == before["metadata"]["generation"]


@scenario
async def test_drift_is_mended(yours, process):
    await yours.gateway()
    await yours.until(BUDGETS, MADE, bool)
    service = await yours.until(SERVICES, MADE, bool)
    await yours.patch(SERVICES, MADE, {"spec": {"type": "NodePort"}})
    await yours.until(SERVICES, MADE, lambda it: it["spec"]["type"] == "LoadBalancer")
    await yours.delete(SERVICES, MADE)
    await yours.until(SERVICES, MADE, lambda it: it and it["metadata"]["uid"] != service["metadata"]["uid"])
    for resource in (SERVICE_ACCOUNTS, CONFIG_MAPS, DEPLOYMENTS, BUDGETS):
        await yours.delete(resource, MADE)
        await yours.until(resource, MADE, bool)
    await yours.patch(CONFIG_MAPS, MADE, {"data": {"ca.crt": "mine"}})
    await yours.until(CONFIG_MAPS, MADE, lambda it: it["data"]["ca.crt"] != "mine")
    await yours.patch(DEPLOYMENTS, MADE, {"spec": {"template": {"spec": {"serviceAccountName": "default"}}}})
    await yours.until(DEPLOYMENTS, MADE, lambda it: it["spec"]["template"]["spec"]["serviceAccountName"] == MADE)


@scenario
async def test_parameters_of_a_gateway(yours, process):
    reference = {"parametersRef": {"group": "", "kind": "ConfigMap", "name": "mine"}}
    await yours.gateway(infrastructure={"labels": {"team": "blue"}, **reference})
    gateway = await yours.until(GATEWAYS, "gw", fresh)
    assert condition(gateway, "Accepted") == ("False", "InvalidParameters")
    assert await yours.get(DEPLOYMENTS, MADE) is None
    await yours.create(CONFIG_MAPS, "mine", {"data": {"replicas": "5", "serviceAnnotations": "{lb: small}"}})
    deployment = await yours.until(DEPLOYMENTS, MADE, bool)
    assert deployment["spec"]["replicas"] == 5
    assert deployment["spec"]["template"]["metadata"]["labels"]["team"] == "blue"
    service = await yours.until(SERVICES, MADE, bool)
    assert service["metadata"]["annotations"] == {"lb": "small"}
    await yours.until(GATEWAYS, "gw", lambda it: condition(it, "Accepted") == ("True", "Accepted"))
    await yours.give_address(MADE)
    await yours.until(GATEWAYS, "gw", lambda it: it["status"].get("addresses"))
    await yours.patch(CONFIG_MAPS, "mine", {"data": {"replicas": "0"}})
    gateway = await yours.until(GATEWAYS, "gw", lambda it: condition(it, "Accepted") == ("False", "InvalidParameters"))
    assert gateway["status"]["addresses"] == [{"type": "IPAddress", "value": "192.0.2.1"}]
    assert f"listener/{yours.namespace}/gw/http" in process._publisher._ledgers[f"{yours.namespace}/gw"].entries
    assert (await yours.get(DEPLOYMENTS, MADE))["spec"]["replicas"] == 5, "what is there stays as it was"


@scenario
async def test_a_gateways_own_parameters_choose_no_program(yours, process):
    reference = {"parametersRef": {"group": "", "kind": "ConfigMap", "name": "mine"}}
    await yours.create(CONFIG_MAPS, "mine", {"data": {"image": "docker.io/somebody/else:latest", "replicas": "1"}})
    await yours.gateway(infrastructure=reference)
    gateway = await yours.until(GATEWAYS, "gw", lambda it: condition(it, "Accepted") == ("False", "InvalidParameters"))
    said = next(item["message"] for item in gateway["status"]["conditions"] if item["type"] == "Accepted")
    assert "image can be set for all Gateways of a class only" in said
    assert await yours.get(DEPLOYMENTS, MADE) is None
    await yours.patch(CONFIG_MAPS, "mine", {"data": {"image": None}})
    deployment = await yours.until(DEPLOYMENTS, MADE, bool)
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == "agw:test"


@scenario
async def test_an_autoscaler_takes_the_replicas_over_and_gives_them_back(yours, process):
    reference = {"parametersRef": {"group": "", "kind": "ConfigMap", "name": "mine"}}
    await yours.create(CONFIG_MAPS, "mine", {"data": {"replicas": "3"}})
    await yours.gateway(infrastructure=reference)
    await yours.until(DEPLOYMENTS, MADE, lambda it: it and it["spec"]["replicas"] == 3)
    await yours.patch(CONFIG_MAPS, "mine", {"data": {"hpa": "{maxReplicas: 9}"}})
    await yours.until(AUTOSCALERS, MADE, bool)
    assert (await yours.get(DEPLOYMENTS, MADE))["spec"]["replicas"] == 3, "handed over as it was"
    await yours.patch(DEPLOYMENTS, MADE, {"spec": {"replicas": 7}}, subresource="scale")
    await yours.patch(CONFIG_MAPS, "mine", {"data": {"serviceAnnotations": "{a: b}"}})
    await yours.until(SERVICES, MADE, lambda it: it["metadata"].get("annotations") == {"a": "b"})
    assert (await yours.get(DEPLOYMENTS, MADE))["spec"]["replicas"] == 7
    await yours.patch(CONFIG_MAPS, "mine", {"data": {"hpa": None}})
    await yours.until(DEPLOYMENTS, MADE, lambda it: it["spec"]["replicas"] == 3)
    await yours.until(AUTOSCALERS, MADE, lambda it: it is None)


@scenario
async def test_addresses(yours, process):
    await yours.gateway(addresses=[{"type": "Hostname", "value": "a.example.com"}, {"value": "192.0.2.7"}])
    await yours.until(GATEWAYS, "gw", lambda it: condition(it, "Accepted") == ("False", "UnsupportedAddress"))
    await yours.patch(GATEWAYS, "gw", {"spec": {"addresses": [{"value": "192.0.2.7"}]}})
    service = await yours.until(SERVICES, MADE, bool)
    assert service["spec"]["loadBalancerIP"] == "192.0.2.7"
    gateway = await yours.until(GATEWAYS, "gw", lambda it: condition(it, "Programmed") == ("False", "AddressNotUsable"))
    assert condition(gateway, "Accepted") == ("True", "Accepted")
    if await yours.has_controllers():
        pytest.skip("the Deployment's real controller knows that no pod runs")
    await yours.start_pods(MADE)
    await yours.give_address(MADE, "192.0.2.7")
    await yours.until(GATEWAYS, "gw", lambda it: condition(it, "Programmed") == ("True", "Programmed"))
    await yours.patch(GATEWAYS, "gw", {"spec": {"addresses": [{}]}})
    await yours.until(SERVICES, MADE, lambda it: "loadBalancerIP" not in it["spec"])


@scenario
async def test_parameters_of_a_class(yours, process):
    ref = {"group": "", "kind": "ConfigMap", "name": "all", "namespace": yours.namespace}
    spec = {"controllerName": CONTROLLER, "parametersRef": ref}
    await yours.client.apply(CLASSES, Key("", yours.namespace), {"spec": spec})
    await yours.gateway(gatewayClassName=yours.namespace)
    found = await yours.until(CLASSES, yours.namespace, lambda it: condition(it, "Accepted")[0] == "False")
    assert condition(found, "Accepted") == ("False", "InvalidParameters")
    await yours.create(CONFIG_MAPS, "all", {"data": {"replicas": "4", "serviceType": "ClusterIP"}})
    await yours.until(CLASSES, yours.namespace, lambda it: condition(it, "Accepted") == ("True", "Accepted"))
    assert (await yours.until(DEPLOYMENTS, MADE, bool))["spec"]["replicas"] == 4
    service = await yours.until(SERVICES, MADE, bool)
    assert service["spec"]["type"] == "ClusterIP"
    await yours.until(GATEWAYS, "gw", lambda it: addresses(it) == service["spec"]["clusterIPs"])
    await yours.client.delete(CLASSES, Key("", yours.namespace))


def addresses(gateway):
    return [item["value"] for item in gateway["status"].get("addresses", ())]


@scenario
async def test_a_gateway_has_the_families_of_its_cluster_or_those_asked_for(yours, process):
    """Given that the API server is of both families, as ours is."""
    policy = {"serviceType": "ClusterIP"}
    await yours.create(CONFIG_MAPS, "ours", {"data": policy})
    ref = {"group": "", "kind": "ConfigMap", "name": "ours"}
    await yours.gateway(infrastructure={"parametersRef": ref})
    service = await yours.until(SERVICES, MADE, bool)
    has = service["spec"]["clusterIPs"]
    assert service["spec"]["ipFamilyPolicy"] == "PreferDualStack"
    assert len(has) == len(service["spec"]["ipFamilies"])
    await yours.until(GATEWAYS, "gw", lambda it: addresses(it) == has)
    await yours.patch(CONFIG_MAPS, "ours", {"data": {**policy, "ipFamilyPolicy": "SingleStack"}})
    await yours.until(SERVICES, MADE, lambda it: it["spec"]["clusterIPs"] == has[:1])
    await yours.until(GATEWAYS, "gw", lambda it: addresses(it) == has[:1])
    await yours.patch(CONFIG_MAPS, "ours", {"data": {"ipFamilyPolicy": None}})
    service = await yours.until(SERVICES, MADE, lambda it: len(it["spec"]["clusterIPs"]) == len(has))
    await yours.until(GATEWAYS, "gw", lambda it: addresses(it) == service["spec"]["clusterIPs"])


@scenario
async def test_a_gateway_of_the_longest_name(yours, process):
    name = "-".join(["gateway-with-a-very-long-name"] * 9)[:253].rstrip("-")
    await yours.gateway(name)
    await yours.until(SERVICES, names.made(name), bool)
    await yours.until(GATEWAYS, name, lambda it: fresh(it) and condition(it, "Accepted")[0] == "True")
