"""A controller on a real API server: what it writes, what it publishes, and what it watches."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from agw.controller import statuses
from agw.controller.provision import GATEWAY_NAME
from agw.controller.publish.identity import Plane
from agw.kube import Client, Key
from agw.translate.features import FEATURES
from agw.translate.result import CONTROLLER
from tests.controller.cluster import (
    BUDGETS,
    CLASSES,
    CONFIG_MAPS,
    DEPLOYMENTS,
    GATEWAYS,
    GRANTS,
    MADE,
    POLICIES,
    ROUTES,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    Cluster,
    condition,
    eventually,
    fresh,
    listener,
    of_ours,
    parent,
    scenario,
)


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
            await asyncio.sleep(0.05)  # between two looks


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
    await eventually(lambda: not (len(reconciler.statuses) or len(reconciler.provisioner.queue)))
    gateway = await yours.get(GATEWAYS, "gw")
    writes = reconciler.metrics.value("agw_controller_status_writes_total")
    reconciler.statuses.add_all(reconciler._translation.statuses)
    reconciler.provisioner.again()
    await eventually(lambda: not (len(reconciler.statuses) or len(reconciler.provisioner.queue)))
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
        await eventually(lambda: not (process._reconciler is None or len(process._reconciler.statuses)))
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
            await asyncio.sleep(0.05)  # between two looks
    assert (found[0]["type"], found[0]["regarding"]["name"]) == ("Warning", "gw")
    written = process._reconciler.metrics.value("agw_controller_status_writes_total")
    for _ in range(3):  # it is cut, comes back and refuses again, while another pod uses what it cannot
        told.gone(replace(one, refused=2, reason="no memory"))
        told.acknowledged(replace(other, version=2))
        told.refused(replace(one, refused=2, reason="no memory"))
    await eventually(lambda: not len(process._reconciler.statuses))
    assert process._reconciler.metrics.value("agw_controller_status_writes_total") == written, "it does not flap"
    told.acknowledged(replace(one, version=3))
    await yours.until(GATEWAYS, "gw", lambda it: condition(it, "Programmed") == ("False", "AddressNotAssigned"))
