"""What the API server serves, and what comes of a change of it while a controller leads."""

import asyncio
import copy
import functools

from agw.controller import process as under_test
from agw.controller.kinds import Discovered, succeeding
from agw.kube import Key, Resource
from agw.resources import model
from tests.controller.cluster import (
    CRDS,
    GATEWAYS,
    GRANTS,
    GROUP,
    ROUTES,
    Cluster,
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

OLDER = Resource(GROUP, "v1beta1", "httproutes", "HTTPRoute")


def served(*resources):
    kinds = {"ReferenceGrant": model.ReferenceGrant, "HTTPRoute": model.HTTPRoute}
    missing = tuple(f"{each.plural}.{each.group}" for each in (GRANTS, ROUTES) if each.kind not in
                    {resource.kind for resource in resources})  # fmt: skip
    return Discovered({kinds[each.kind]: each for each in resources}, missing)


class TestAnotherLook:
    def test_what_is_served_otherwise_is_followed(self):
        found = succeeding(served(ROUTES), served(OLDER, GRANTS), ())
        assert found == served(OLDER, GRANTS)

    def test_one_look_that_misses_a_kind_proves_nothing(self):
        known, found = served(ROUTES, GRANTS), served(ROUTES)
        once = succeeding(known, found, known.missing)
        assert once.resources == known.resources
        assert succeeding(once, found, found.missing) == found

    def test_what_is_needed_stays_where_it_was(self):
        known, found = served(ROUTES, GRANTS), served(GRANTS)
        assert succeeding(known, found, found.missing).resources == known.resources


def scenario(function):
    """Run a coroutine with (its cluster) under a controller that looks often, and install the CRDs again after it.

    On a server of the tests' own: what goes with a CRD would be somebody's elsewhere.
    """

    @functools.wraps(function)
    def test(apiserver, monkeypatch):
        async def run():
            async with cluster(apiserver.kubeconfig) as yours:
                try:
                    await function(yours, apiserver.kubeconfig)
                finally:
                    await install(yours.client)

        monkeypatch.setattr(under_test, "_KINDS_AGAIN", 0.3)
        asyncio.run(run())

    del test.__wrapped__
    return test


def crd(plural):
    return copy.deepcopy(next(each for each in crds() if each["spec"]["names"]["plural"] == plural))


async def uninstall(yours, plural):
    name = crd(plural)["metadata"]["name"]
    await yours.delete(CRDS, name)
    await yours.until(CRDS, name, lambda it: it is None)


def resolved(found):
    return condition(None, "ResolvedRefs", parent(found)) if of_ours(found) else None


@scenario
async def test_a_crd_that_is_installed_later_is_followed_and_one_that_goes_too(yours, kubeconfig):
    """The Service `kubernetes` of the namespace `default` is on every server."""
    await uninstall(yours, "referencegrants")
    theirs = Cluster(yours.client, "default", kubeconfig)
    log = Log()
    async with controller(kubeconfig, yours.namespace, log):
        await yours.gateway()
        await yours.route(rules=[{"backendRefs": [{"name": "kubernetes", "namespace": "default", "port": 443}]}])
        await yours.until(ROUTES, "r", lambda it: resolved(it) == ("False", "RefNotPermitted"))
        await install(yours.client)
        of = {"group": GROUP, "kind": "HTTPRoute", "namespace": yours.namespace}
        await theirs.create(GRANTS, yours.namespace, {"spec": {"from": [of], "to": [{"group": "", "kind": "Service"}]}})
        await yours.until(ROUTES, "r", lambda it: resolved(it) == ("True", "ResolvedRefs"))
        await uninstall(yours, "referencegrants")
        await yours.until(ROUTES, "r", lambda it: resolved(it) == ("False", "RefNotPermitted"))
        async with asyncio.timeout(20):
            while [fields for _, event, fields in log.lines if event.startswith("what the API")][-1] != {
                "referencegrants": "not served"
            }:
                await asyncio.sleep(0.05)
        assert not [line for line in log.lines if line[0] == "error"]


@scenario
async def test_a_version_that_is_dropped_is_left_for_the_one_that_is_served(yours, kubeconfig):
    both = crd("httproutes")
    (version,) = both["spec"]["versions"]
    both["spec"]["versions"].append({**copy.deepcopy(version), "name": "v1beta1", "storage": False})
    await yours.client.apply(CRDS, Key("", both["metadata"]["name"]), both)
    async with controller(kubeconfig, yours.namespace) as process:
        await yours.gateway()
        await yours.route()
        await yours.until(ROUTES, "r", of_ours)
        version["served"] = False
        await yours.client.apply(CRDS, Key("", both["metadata"]["name"]), both)
        async with asyncio.timeout(30):
            while process._reconciler._resources[model.HTTPRoute].version != "v1beta1":
                await asyncio.sleep(0.05)
        await yours.patch(OLDER, "r", {"spec": {"hostnames": ["a.example.com"]}})
        await yours.until(OLDER, "r", lambda it: parent(it)["conditions"][0]["observedGeneration"] == 2)
        found = await yours.get(GATEWAYS, "gw")
        assert fresh(found)
        assert found["status"]["listeners"][0]["attachedRoutes"] == 1
        await yours.delete(OLDER, "r")
        await yours.until(GATEWAYS, "gw", lambda it: it["status"]["listeners"][0]["attachedRoutes"] == 0)
