"""CRDs of a later release under this one: what it does not know is closed, and told.

On a real API server, of the tests' own: nobody else's objects should be taken without being looked at.
"""

import asyncio
import copy
import re

from agw.kube import Key
from agw.snapshot.model import Policy, Rule
from agw.translate.result import CONTROLLER
from tests.controller.cluster import (
    BACKENDS,
    CLASSES,
    CRDS,
    GATEWAYS,
    POLICIES,
    ROUTES,
    Log,
    cluster,
    condition,
    controller,
    fresh,
    install,
    of_ours,
    parent,
)
from tests.controller.crds import crds

TARGET = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "r"}
OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


async def release(client, plural, change):
    """Install the CRD of a release that is not out yet."""
    (crd,) = [copy.deepcopy(each) for each in crds() if each["spec"]["names"]["plural"] == plural]
    change(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"])
    await client.apply(CRDS, Key("", crd["metadata"]["name"]), crd)


def any_spec(spec):
    spec.clear()
    spec.update(OPEN)


async def eventually(create):
    """Create what the server takes as soon as it goes by the new CRD, with all of its fields."""
    async with asyncio.timeout(30):
        while not await create():
            await asyncio.sleep(0.1)


def entry(found):
    entries = (found or {}).get("status", {}).get("ancestors", ())
    return next((each for each in entries if each["controllerName"] == CONTROLLER), {})


def message(where, kind):
    return next((each["message"] for each in where.get("conditions", ()) if each["type"] == kind), "")


def scenario(function):
    """Run a coroutine with (its cluster, a controller, its log) under CRDs whose specs may be anything."""

    def test(apiserver):
        kubeconfig = apiserver.kubeconfig

        async def run():
            async with cluster(kubeconfig) as yours:
                try:
                    for plural in ("trafficpolicies", "backends"):
                        await release(yours.client, plural, any_spec)
                    log = Log()
                    async with controller(kubeconfig, yours.namespace, log) as process:
                        await yours.gateway()
                        await function(yours, process, log)
                finally:
                    for resource in (POLICIES, BACKENDS):
                        for found in await yours.list(resource):
                            await yours.delete(resource, found["metadata"]["name"])
                    await install(yours.client)

        asyncio.run(run())

    test.__name__ = function.__name__
    return test


async def put(yours, resource, name, spec):
    """Create an object with just this spec, once the server keeps all of it."""

    async def create():
        await yours.delete(resource, name)
        try:
            made = await yours.create(resource, name, {"spec": spec})
        except Exception:  # noqa: BLE001 - the old CRD refuses it
            return False
        return made["spec"] == spec

    await eventually(create)


def entries(process, yours, kind):
    ledger = process._publisher._ledgers[f"{yours.namespace}/gw"]
    return [each for each in ledger.entries.values() if isinstance(each, kind)]


@scenario
async def test_a_policy_with_a_field_of_next_year_closes_its_targets(yours, process, log):
    await yours.route()
    await yours.until(ROUTES, "r", of_ours)
    await put(yours, POLICIES, "p", {"targetRefs": [TARGET], "traffic": {"ofNextYear": {"rules": []}}})
    found = await yours.until(POLICIES, "p", lambda it: condition(None, "Accepted", entry(it)) == ("False", "Invalid"))
    assert "$.spec.traffic.ofNextYear: this release does not know the field" in message(entry(found), "Accepted")
    assert condition(None, "Attached", entry(found)) == ("True", "Attached")
    (policy,) = entries(process, yours, Policy)
    assert "ofNextYear" in policy.deny
    assert process._reconciler._gauges()["agw_controller_unreadable"][""] == 1
    await yours.patch(POLICIES, "p", {"spec": {"traffic": {"ofNextYear": None, "timeouts": {"request": "0s"}}}})
    await yours.until(POLICIES, "p", lambda it: condition(None, "Accepted", entry(it)) == ("True", "Valid"))
    assert not [each for each in entries(process, yours, Policy) if each.deny]


@scenario
async def test_a_policy_without_a_readable_target_keeps_what_it_said_and_is_told_so(yours, process, log):
    await yours.route()
    good = {"targetRefs": [TARGET], "traffic": {"authentication": {"apiKeyAuth": {"secretRef": {"name": "keys"}}}}}
    await put(yours, POLICIES, "p", good)
    await yours.until(POLICIES, "p", lambda it: "there is no Secret" in message(entry(it), "Accepted"))
    (before,) = entries(process, yours, Policy)
    await yours.patch(POLICIES, "p", {"spec": {"targetRefs": None, "targets": {"all": True}}})
    told = lambda it: "no target can be read" in message(entry(it), "Accepted")  # noqa: E731
    found = await yours.until(POLICIES, "p", told)
    assert condition(None, "Accepted", entry(found)) == ("False", "Invalid")
    assert entry(found)["conditions"][0]["observedGeneration"] == found["metadata"]["generation"]
    assert entries(process, yours, Policy) == [before]
    # What else happens does not bring back what was said of the value before.
    await yours.route("other")
    await yours.until(ROUTES, "other", of_ours)
    process._reconciler.statuses.add_all(process._reconciler._translation.statuses)
    async with asyncio.timeout(20):
        while len(process._reconciler.statuses):
            await asyncio.sleep(0.05)
    assert await yours.get(POLICIES, "p") == found
    assert len([line for line in log.lines if line[0] == "error"]) == 1, "said once"
    await yours.patch(POLICIES, "p", {"spec": {"targets": None, **good}})
    await yours.until(POLICIES, "p", lambda it: "there is no Secret" in message(entry(it), "Accepted"))


@scenario
async def test_a_backend_with_a_field_of_next_year_leads_nowhere(yours, process, log):
    target = {"name": "one", "static": {"host": "10.0.0.1", "port": 80}}
    refs = [{"group": BACKENDS.group, "kind": "Backend", "name": "b"}]
    await yours.route(rules=[{"backendRefs": refs}])
    await put(yours, BACKENDS, "b", {"type": "A2A", "a2a": {"targets": [target]}})
    await yours.until(ROUTES, "r", lambda it: of_ours(it) and condition(None, "ResolvedRefs", parent(it))[0] == "True")
    await yours.patch(BACKENDS, "b", {"spec": {"a2a": {"targets": [{**target, "tls": {"mode": "Strict"}}]}}})
    found = await yours.until(BACKENDS, "b", lambda it: condition(it, "Accepted") == ("False", "Invalid"))
    assert re.search(r"targets\[0\]\.tls", found["status"]["conditions"][0]["message"])
    await yours.until(
        ROUTES, "r", lambda it: condition(None, "ResolvedRefs", parent(it)) == ("False", "UnsupportedValue")
    )
    (rule,) = entries(process, yours, Rule)
    assert [each.backend for each in rule.backends] == [""]


def test_a_new_leader_closes_what_it_never_could_read(apiserver):
    """The rollback: an older release begins with a policy of a newer one."""

    kubeconfig = apiserver.kubeconfig

    async def run():
        async with cluster(kubeconfig) as yours:
            try:
                await release(yours.client, "trafficpolicies", any_spec)
                await yours.gateway()
                await yours.route()
                await put(yours, POLICIES, "p", {"targetRefs": [TARGET], "traffic": {"authorization": {"cel": "true"}}})
                async with controller(kubeconfig, yours.namespace) as process:
                    await yours.until(GATEWAYS, "gw", fresh)
                    assert [each.deny for each in entries(process, yours, Policy)] != []
            finally:
                await yours.delete(POLICIES, "p")
                await install(yours.client)

    asyncio.run(run())


def test_a_class_that_cannot_be_read_ends_no_term(apiserver):
    kubeconfig = apiserver.kubeconfig

    async def run():
        async with cluster(kubeconfig) as yours:
            odd = f"odd-{yours.namespace}"
            try:
                await release(yours.client, "gatewayclasses", any_spec)

                async def create():
                    try:
                        await yours.create(CLASSES, odd, {"spec": {"controllerName": 5}})
                    except Exception:  # noqa: BLE001 - the old CRD refuses it
                        return False
                    return True

                await eventually(create)
                log = Log()
                async with controller(kubeconfig, yours.namespace, log) as process:
                    await yours.gateway()
                    await yours.until(GATEWAYS, "gw", fresh)
                    assert f"{yours.namespace}/gw" in process._publisher._ledgers
                    theirs = await yours.get(CLASSES, odd)
                    assert condition(theirs, "Accepted") == ("Unknown", "Pending"), "it may be another controller's"
                told = [fields for level, _, fields in log.lines if level == "error"]
                assert [fields["object"] for fields in told] == [f"GatewayClass {odd}"]
            finally:
                await yours.delete(CLASSES, odd)
                await install(yours.client)

    asyncio.run(run())
