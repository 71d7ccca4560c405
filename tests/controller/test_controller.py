"""A controller on a real API server: what it writes, makes and publishes."""

import asyncio
import sys
from collections import Counter
from dataclasses import replace

import pytest

from agw.controller import names, statuses
from agw.controller.provision import GATEWAY_NAME
from agw.controller.publish.identity import Plane
from agw.kube import Client, Key
from agw.translate.features import FEATURES
from agw.translate.result import CONTROLLER
from tests.controller.cluster import (
    AUTOSCALERS,
    BUDGETS,
    CLASSES,
    CONFIG_MAPS,
    DEPLOYMENTS,
    GATEWAYS,
    GRANTS,
    LEASES,
    PATIENCE,
    POLICIES,
    ROUTES,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    Cluster,
    ask,
    cluster,
    condition,
    controller,
    fresh,
    listener,
)
from tests.ports import free_port

MADE = names.made("gw")


def scenario(function):
    """Run a coroutine that takes (its cluster, a running controller)."""

    def test(kubeconfig):
        async def run():
            async with cluster(kubeconfig) as yours, controller(kubeconfig, yours.namespace) as process:
                await function(yours, process)

        asyncio.run(run())

    test.__name__ = function.__name__
    return test


def parent(route):
    (entry,) = [entry for entry in route["status"]["parents"] if entry["controllerName"] == CONTROLLER]
    return entry


def of_ours(route):
    entries = (route or {}).get("status", {}).get("parents", ())
    return [entry for entry in entries if entry["controllerName"] == CONTROLLER]


@scenario
async def test_the_class_is_accepted_with_its_features(yours, process):
    found = await yours.until(CLASSES, "ack-agent-gateway", lambda it: condition(it, "Accepted")[0] == "True")
    assert fresh(found)
    assert [feature["name"] for feature in found["status"]["supportedFeatures"]] == sorted(FEATURES)


@scenario
async def test_features_of_an_earlier_release_go(yours, process):
    """An upgrade from one that stated others, by whatever manager: they went only from what is stated, and stayed in the list."""
    await yours.until(CLASSES, "ack-agent-gateway", lambda it: condition(it, "Accepted")[0] == "True")
    names = [*sorted(FEATURES), "Old"]
    async with Client.find(yours.kubeconfig, manager="earlier") as earlier:
        status = {"status": {"supportedFeatures": [{"name": name} for name in reversed(names)]}}
        await earlier.patch(CLASSES, Key("", "ack-agent-gateway"), status, subresource="status")
    features = lambda it: [feature["name"] for feature in it["status"]["supportedFeatures"]]  # noqa: E731
    found = await yours.until(CLASSES, "ack-agent-gateway", lambda it: features(it) == sorted(FEATURES))
    assert condition(found, "Accepted") == ("True", "Accepted")


@scenario
async def test_a_gateway_is_provisioned_and_programmed(yours, process):
    created = await yours.gateway()
    gateway = await yours.until(GATEWAYS, "gw", lambda it: fresh(it) and condition(it, "Accepted")[0] == "True")
    assert condition(gateway, "Programmed") == ("False", "AddressNotAssigned")
    for resource in (SERVICE_ACCOUNTS, CONFIG_MAPS, DEPLOYMENTS, SERVICES, BUDGETS):
        made = await yours.until(resource, MADE, lambda it: it is not None)
        assert made["metadata"]["ownerReferences"][0]["uid"] == created["metadata"]["uid"]
        assert made["metadata"]["labels"][GATEWAY_NAME] == "gw"
    await yours.give_address(MADE)
    await yours.until(GATEWAYS, "gw", lambda it: condition(it, "Programmed") == ("False", "Pending"))
    if await yours.has_controllers():
        pytest.skip("the Deployment's real controller knows that no pod runs")
    await yours.start_pods(MADE)
    gateway = await yours.until(GATEWAYS, "gw", lambda it: condition(it, "Programmed") == ("True", "Programmed"))
    assert gateway["status"]["addresses"] == [{"type": "IPAddress", "value": "192.0.2.1"}]
    (only,) = gateway["status"]["listeners"]
    assert only["attachedRoutes"] == 0
    assert condition(None, "Programmed", only) == ("True", "Programmed")
    assert (await yours.until(CONFIG_MAPS, MADE, bool))["data"]["ca.crt"].startswith("-----BEGIN CERTIFICATE")
    async with asyncio.timeout(20):
        while not await yours.events("Programmed"):
            await asyncio.sleep(0.05)


@scenario
async def test_a_route_attaches_and_is_published(yours, process):
    await yours.gateway()
    await yours.create(SERVICES, "svc", {"spec": {"ports": [{"port": 80}], "selector": {"a": "b"}}})
    await yours.route()
    route = await yours.until(
        ROUTES, "r", lambda it: of_ours(it) and condition(None, "Accepted", parent(it))[0] == "True"
    )
    assert condition(None, "ResolvedRefs", parent(route)) == ("True", "ResolvedRefs")
    await yours.until(GATEWAYS, "gw", lambda it: it["status"]["listeners"][0]["attachedRoutes"] == 1)
    entries = process._publisher._ledgers[f"{yours.namespace}/gw"].entries
    assert f"rule/HTTPRoute/{yours.namespace}/r/0" in entries
    await yours.delete(ROUTES, "r")
    await yours.until(GATEWAYS, "gw", lambda it: it["status"]["listeners"][0]["attachedRoutes"] == 0)
    assert f"rule/HTTPRoute/{yours.namespace}/r/0" not in process._publisher._ledgers[f"{yours.namespace}/gw"].entries


@scenario
async def test_entries_of_other_controllers_are_never_touched(yours, process):
    await yours.gateway()
    await yours.route(parentRefs=[{"name": "gw"}, {"name": "elsewhere"}])
    other = {
        "parentRef": {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "elsewhere"},
        "controllerName": "example.com/other",
        "conditions": [
            {
                "type": "Accepted",
                "status": "True",
                "reason": "Accepted",
                "message": "mine",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
        ],
    }
    route = await yours.until(ROUTES, "r", of_ours)
    ours = route["status"]["parents"]
    body = {
        "metadata": {"resourceVersion": route["metadata"]["resourceVersion"]},
        "status": {"parents": [other, *ours]},
    }
    await yours.patch(ROUTES, "r", body, subresource="status")
    await yours.patch(ROUTES, "r", {"spec": {"hostnames": ["a.example.com"]}})
    route = await yours.until(
        ROUTES, "r", lambda it: of_ours(it) and parent(it)["conditions"][0]["observedGeneration"] == 2
    )
    assert route["status"]["parents"][0] == other
    await yours.patch(ROUTES, "r", {"spec": {"parentRefs": [{"name": "elsewhere"}]}})
    route = await yours.until(ROUTES, "r", lambda it: not of_ours(it))
    assert route["status"]["parents"] == [other]


@scenario
async def test_what_somebody_overwrites_is_written_again(yours, process):
    await yours.gateway()
    await yours.route()
    await yours.until(ROUTES, "r", of_ours)
    await yours.patch(ROUTES, "r", {"status": {"parents": []}}, subresource="status")
    await yours.until(ROUTES, "r", of_ours)


@scenario
async def test_nothing_is_written_where_nothing_differs(yours, process):
    await yours.gateway()
    await yours.route()
    await yours.until(ROUTES, "r", of_ours)
    gateway = await yours.until(
        GATEWAYS, "gw", lambda it: fresh(it) and it["status"]["listeners"][0]["attachedRoutes"] == 1
    )
    reconciler = process._reconciler
    async with asyncio.timeout(20):
        while len(reconciler.statuses) or len(reconciler.provisioner.queue):
            await asyncio.sleep(0.05)
    gateway = await yours.get(GATEWAYS, "gw")
    writes = reconciler.metrics.value("agw_controller_status_writes_total")
    reconciler.statuses.add_all(reconciler._translation.statuses)
    reconciler.provisioner.again()
    async with asyncio.timeout(20):
        while len(reconciler.statuses) or len(reconciler.provisioner.queue):
            await asyncio.sleep(0.05)
    assert reconciler.metrics.value("agw_controller_status_writes_total") == writes
    assert (await yours.get(GATEWAYS, "gw"))["metadata"]["resourceVersion"] == gateway["metadata"]["resourceVersion"]


@scenario
async def test_a_status_is_written_once_and_its_echo_costs_nothing(yours, process):
    planned, written = Counter(), Counter()
    plan, patch = statuses.plan, process._client.patch

    async def counting(resource, key, *more, **named):
        written.update([key.name])
        return await patch(resource, key, *more, **named)

    process._client.patch = counting
    names_of = {f"r{number}" for number in range(20)}
    try:
        statuses.plan = lambda kind, *more: planned.update([kind]) or plan(kind, *more)
        await yours.gateway()
        await yours.until(GATEWAYS, "gw", fresh)
        term = process._reconciler
        for name in names_of:
            await yours.route(name)
        for name in names_of:
            await yours.until(ROUTES, name, of_ours)
        await yours.until(GATEWAYS, "gw", lambda it: it["status"]["listeners"][0]["attachedRoutes"] == 20)
        async with asyncio.timeout(20):
            while process._reconciler is None or len(process._reconciler.statuses):
                await asyncio.sleep(0.05)
        assert {name: written[name] for name in names_of} == dict.fromkeys(names_of, 1)
        before = term.metrics.value("agw_controller_translations_total")
        looked = planned["HTTPRoute"]
        await yours.patch(ROUTES, "r7", {"status": {"parents": []}}, subresource="status")
        await yours.until(ROUTES, "r7", of_ours)
        if process._reconciler is term:  # a busy machine may have cost it the Lease, and then all is looked at again
            assert looked < 2 * 20, "only an echo that comes before its answer is looked at"
            assert term.metrics.value("agw_controller_translations_total") == before, "a status is no change"
    finally:
        statuses.plan = plan


@scenario
async def test_data_planes_are_told_before_a_status_says_so(yours, process):
    await yours.gateway()
    await yours.until(GATEWAYS, "gw", fresh)
    published, key = process._publisher, f"rule/HTTPRoute/{yours.namespace}/r/0"
    patch, seen = process._client.patch, []

    async def watching(resource, *more, **named):
        if resource.kind == "HTTPRoute":
            seen.append(key in published._ledgers[f"{yours.namespace}/gw"].entries)
        return await patch(resource, *more, **named)

    process._client.patch = watching
    await yours.route()
    await yours.until(ROUTES, "r", of_ours)
    assert seen == [True]


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
async def test_a_secret_is_followed_once_it_is_named(yours, process):
    await yours.gateway()
    await yours.route()
    spec = {
        "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "r"}],
        "traffic": {"authentication": {"apiKeyAuth": {"secretRef": {"name": "keys"}}}},
    }
    await yours.create(POLICIES, "p", {"spec": spec})

    def ancestor(found):
        return next(iter((found or {}).get("status", {}).get("ancestors", ())), {})

    found = await yours.until(POLICIES, "p", lambda it: condition(None, "Accepted", ancestor(it))[0] == "False")
    assert ancestor(found)["controllerName"] == CONTROLLER
    await yours.create(SECRETS, "keys", {"stringData": {"alice": "secret-a"}})
    await yours.create(SECRETS, "unnamed", {"stringData": {"x": "y"}})
    await yours.until(POLICIES, "p", lambda it: condition(None, "Accepted", ancestor(it)) == ("True", "Valid"))
    from agw.resources import model

    assert [secret.metadata.name for secret in process._reconciler._world.all(model.Secret)] == ["keys"]
    key = f"credentials/{yours.namespace}/keys"
    entries = lambda: process._publisher._ledgers[f"{yours.namespace}/gw"].entries  # noqa: E731
    before = entries()[key]
    await yours.patch(SECRETS, "keys", {"stringData": {"alice": "secret-b"}})
    async with asyncio.timeout(20):
        while entries()[key] == before:
            await asyncio.sleep(0.01)
    await yours.delete(SECRETS, "keys")
    await yours.until(POLICIES, "p", lambda it: condition(None, "Accepted", ancestor(it))[0] == "False")
    assert entries()[key].credentials == ()


@scenario
async def test_a_secret_of_another_namespace_is_watched_while_a_grant_allows_it(yours, process):
    """The other namespace is this test's own; the Gateway that names it is in `default`."""
    tls = {"certificateRefs": [{"name": "far", "namespace": yours.namespace}]}
    theirs = Cluster(yours.client, "default", yours.kubeconfig)
    await yours.create(SECRETS, "far", {"stringData": {"tls.crt": "x"}})
    from agw.resources import model

    def known():
        return [secret.metadata.name for secret in process._reconciler._world.all(model.Secret)]

    def watched():
        return {at[1].namespace for at in process._reconciler._named._watches}

    def resolved(found):
        return condition(None, "ResolvedRefs", next(iter((found or {}).get("status", {}).get("listeners", ())), {}))

    try:
        await theirs.gateway(yours.namespace, listeners=[listener("https", 443, "HTTPS", tls=tls)])
        await theirs.until(GATEWAYS, yours.namespace, lambda it: resolved(it) == ("False", "RefNotPermitted"))
        assert (known(), watched()) == ([], set())
        of = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": "default"}
        await yours.create(GRANTS, "g", {"spec": {"from": [of], "to": [{"group": "", "kind": "Secret"}]}})
        await theirs.until(GATEWAYS, yours.namespace, lambda it: resolved(it) == ("False", "InvalidCertificateRef"))
        assert (known(), watched()) == (["far"], {yours.namespace})
        await yours.delete(GRANTS, "g")
        await theirs.until(GATEWAYS, yours.namespace, lambda it: resolved(it) == ("False", "RefNotPermitted"))
        assert (known(), watched()) == ([], set())
    finally:
        await theirs.delete(GATEWAYS, yours.namespace)


@scenario
async def test_names_over_the_bound_are_said_at_the_objects(yours, process):
    await yours.gateway()
    await yours.until(GATEWAYS, "gw", fresh)
    process._reconciler._references._most = 1
    for name in ("p", "q"):
        await yours.create(SECRETS, name, {"stringData": {"alice": name}})
        await yours.route(name)
        spec = {
            "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": name}],
            "traffic": {"authentication": {"apiKeyAuth": {"secretRef": {"name": name}}}},
        }
        await yours.create(POLICIES, name, {"spec": spec})

    def said(found):
        entries = (found or {}).get("status", {}).get("ancestors", ())
        return next((item["message"] for entry in entries for item in entry["conditions"]), None)

    await yours.until(POLICIES, "p", lambda it: said(it) == "")
    await yours.until(POLICIES, "q", lambda it: f"Secret {yours.namespace}/q is not watched" in (said(it) or ""))
    await yours.delete(POLICIES, "p")
    await yours.until(POLICIES, "q", lambda it: said(it) == "")


@scenario
async def test_a_refusal_of_a_data_plane_is_a_condition_and_an_event(yours, process):
    await yours.gateway()
    await yours.until(GATEWAYS, "gw", fresh)
    gateway = f"{yours.namespace}/gw"
    one, other = (Plane(gateway, pod=pod, address="192.0.2.9") for pod in ("gw-1", "gw-2"))
    told = process._publisher._callbacks
    told.refused(replace(one, refused=2, reason="no memory"))
    gateway = await yours.until(GATEWAYS, "gw", lambda it: condition(it, "Programmed") == ("False", "Invalid"))
    said = next(item["message"] for item in gateway["status"]["conditions"] if item["type"] == "Programmed")
    assert said == "the configuration is not in force: data plane gw-1 cannot use it: no memory"
    async with asyncio.timeout(20):
        while not (found := await yours.events("ConfigurationRefused")):
            await asyncio.sleep(0.05)
    assert (found[0]["type"], found[0]["regarding"]["name"]) == ("Warning", "gw")
    written = process._reconciler.metrics.value("agw_controller_status_writes_total")
    for _ in range(3):  # it is cut, comes back and refuses again, while another pod uses what it cannot
        told.gone(replace(one, refused=2, reason="no memory"))
        told.acknowledged(replace(other, version=2))
        told.refused(replace(one, refused=2, reason="no memory"))
    async with asyncio.timeout(20):
        while len(process._reconciler.statuses):
            await asyncio.sleep(0.05)
    assert process._reconciler.metrics.value("agw_controller_status_writes_total") == written, "it does not flap"
    told.acknowledged(replace(one, version=3))
    await yours.until(GATEWAYS, "gw", lambda it: condition(it, "Programmed") == ("False", "AddressNotAssigned"))


@scenario
async def test_a_class_that_is_gone_takes_nothing_down(yours, process):
    await yours.client.apply(CLASSES, Key("", yours.namespace), {"spec": {"controllerName": CONTROLLER}})
    await yours.gateway(gatewayClassName=yours.namespace)
    budget = await yours.until(BUDGETS, MADE, bool)
    await yours.client.delete(CLASSES, Key("", yours.namespace))
    async with asyncio.timeout(20):
        while f"{yours.namespace}/gw" in process._publisher._ledgers:
            await asyncio.sleep(0.05)
    assert await yours.get(BUDGETS, MADE) == budget
    await yours.client.apply(CLASSES, Key("", yours.namespace), {"spec": {"controllerName": CONTROLLER}})
    async with asyncio.timeout(20):
        while f"{yours.namespace}/gw" not in process._publisher._ledgers:
            await asyncio.sleep(0.05)
    await yours.client.delete(CLASSES, Key("", yours.namespace))


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


@pytest.mark.parametrize("count", [2])
def test_one_of_two_leads_and_hands_over_when_it_ends(kubeconfig, count):
    async def run():
        async with cluster(kubeconfig) as yours:
            async with controller(kubeconfig, yours.namespace, name="first") as first:
                await yours.gateway()
                await yours.until(GATEWAYS, "gw", fresh)
                async with controller(kubeconfig, yours.namespace, name="second") as second:
                    async with asyncio.timeout(20):
                        while second._election.holder != "first":
                            await asyncio.sleep(0.05)
                    assert first._election.leading
                    assert second._reconciler is None
            # `first` is still the leader here, and `second` has gone: nobody has waited for a Lease to run out.
            async with controller(kubeconfig, yours.namespace, name="third") as third:
                async with asyncio.timeout(20):
                    while not third._election.leading:
                        await asyncio.sleep(0.05)
                await yours.patch(GATEWAYS, "gw", {"spec": {"listeners": [listener("other", 81)]}})
                await yours.until(
                    GATEWAYS, "gw", lambda it: fresh(it) and it["status"]["listeners"][0]["name"] == "other"
                )

    asyncio.run(run())


def test_sigterm_releases_the_lease(kubeconfig):
    """The real command, ended as a kubelet ends it: another replica need not wait until the Lease runs out."""

    async def run():
        async with cluster(kubeconfig) as yours:
            port = free_port()
            command = ["controller", "--kubeconfig", str(kubeconfig), "--namespace", yours.namespace, "--name", "only"]
            command += ["--image", "agw:test", "--publish", "127.0.0.1:0", "--advertise", "127.0.0.1:1"]
            program = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "agw", *command, "--health", f"127.0.0.1:{port}", stderr=asyncio.subprocess.PIPE
            )
            try:
                lease = await yours.until(
                    LEASES, "ack-agent-gateway", lambda it: it and it["spec"]["holderIdentity"] == "only"
                )
                assert lease["spec"]["leaseDurationSeconds"] == 15
                async with asyncio.timeout(PATIENCE):
                    while "agw_controller_leader 1" not in (await ask(port, "/metrics"))[1]:
                        await asyncio.sleep(0.05)
                assert await ask(port, "/readyz") == (200, "leading\n")
                await yours.until(CLASSES, "ack-agent-gateway", lambda it: condition(it, "Accepted")[0] == "True")
                program.terminate()
                _, said = await program.communicate()
                assert program.returncode == 0, said.decode()
                assert (await yours.get(LEASES, "ack-agent-gateway"))["spec"].get("holderIdentity", "") == ""
            finally:
                if program.returncode is None:
                    program.kill()  # it would lead on, for all tests that come after

    asyncio.run(run())


@scenario
async def test_deletion_releases_everything(yours, process):
    """Owner references do it: so this needs a garbage collector, which a bare API server has not."""
    if not await yours.has_controllers():
        pytest.skip("no kube-controller-manager")
    await yours.gateway()
    await yours.until(BUDGETS, MADE, bool)
    await yours.delete(GATEWAYS, "gw")
    for resource in (SERVICES, DEPLOYMENTS, SERVICE_ACCOUNTS, CONFIG_MAPS, BUDGETS):
        await yours.until(resource, MADE, lambda it: it is None)


@scenario
async def test_a_foreground_deletion_is_not_worked_against(yours, process):
    if not await yours.has_controllers():
        pytest.skip("no kube-controller-manager")
    await yours.gateway()
    await yours.until(BUDGETS, MADE, bool)
    await yours.client.delete(GATEWAYS, yours.key(GATEWAYS, "gw"), propagation="Foreground")
    await yours.until(GATEWAYS, "gw", lambda it: it is None)
    for resource in (SERVICES, DEPLOYMENTS, SERVICE_ACCOUNTS, CONFIG_MAPS, BUDGETS):
        await yours.until(resource, MADE, lambda it: it is None)
