"""What the Gateway API's conformance tests ask of statuses and routing, one test of ours for each of theirs.

The worlds are written for these tests; the names in the comments are those of the suite (HTTP without TLS). Tests that
need bytes (headers as they arrive, shares of requests, times) are the data plane's: see tests/wire.
"""

import pytest
import yaml

from agw.resources.load import load
from agw.snapshot.model import Rule
from agw.translate import Translator
from agw.translate.explain import explain, parse
from agw.translate.result import ObjectKey

API = "gateway.networking.k8s.io/v1"


def gateway(name="gw", listeners=None, namespace="default", generation=1):
    listeners = listeners or [{"name": "http", "port": 80}]
    return {
        "apiVersion": API,
        "kind": "Gateway",
        "metadata": {"name": name, "namespace": namespace, "generation": generation},
        "spec": {
            "gatewayClassName": "ack-agent-gateway",
            "listeners": [{"protocol": "HTTP", **listener} for listener in listeners],
        },
    }


def listener(name, hostname="", port=80, **fields):
    return {"name": name, "port": port, **({"hostname": hostname} if hostname else {}), **fields}


def taking(source, **selector):
    """allowedRoutes from a namespace."""
    return {"namespaces": {"from": source, **selector}}


def route(name, *rules, parents=("gw",), hostnames=(), namespace="default", **metadata):
    return {
        "apiVersion": API,
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": {
            "parentRefs": [{"name": parent} if isinstance(parent, str) else parent for parent in parents],
            **({"hostnames": list(hostnames)} if hostnames else {}),
            "rules": list(rules) or [rule("one")],
        },
    }


def rule(*backends, **fields):
    refs = [{"name": each, "port": 80} if isinstance(each, str) else each for each in backends]
    return {"backendRefs": refs, **fields}


def match(path=None, exact=None, method=None, headers=None, query=None):
    found = {}
    if path or exact:
        found["path"] = {"type": "Exact" if exact else "PathPrefix", "value": exact or path}
    if method:
        found["method"] = method
    if headers:
        found["headers"] = [{"name": name, "value": value} for name, value in headers.items()]
    if query:
        found["queryParams"] = [{"name": name, "value": value} for name, value in query.items()]
    return found


def service(name, namespace="default", **port):
    slices = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": f"{name}-1", "namespace": namespace, "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "ports": [{"port": 8080}],
        "endpoints": [{"addresses": ["10.1.0.1"]}],
    }
    ports = [{"port": 80, **port}]
    own = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"ports": ports},
    }
    return [own, slices]


def space(name, **labels):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def grant(namespace, *, of="default", kind="HTTPRoute", group="gateway.networking.k8s.io", to="Service", name=None):
    return {
        "apiVersion": "gateway.networking.k8s.io/v1beta1",
        "kind": "ReferenceGrant",
        "metadata": {"name": "grant", "namespace": namespace},
        "spec": {
            "from": [{"group": group, "kind": kind, "namespace": of}],
            "to": [{"group": "", "kind": to, **({"name": name} if name else {})}],
        },
    }


class World:
    """A set of manifests, translated; `now` translates the next set as a controller would."""

    def __init__(self, folder):
        self.file = folder / "world.yaml"
        self.translator = Translator()
        self.translation = None

    def now(self, *documents):
        flat = [one for each in documents for one in (each if isinstance(each, list) else [each])]
        for name in ("one", "two", "three"):
            flat += service(name)
        self.file.write_text(yaml.safe_dump_all(flat, sort_keys=False))
        loaded = load([self.file])
        assert loaded.problems == ()
        self.translation = self.translator.update(loaded.resources)
        return self

    def _conditions(self, name, parent, namespace):
        status = self.translation.statuses[ObjectKey("HTTPRoute", namespace, name)]
        return {item.type: item for item in status.parents[parent].conditions}

    def accepted(self, name, parent=0, namespace="default"):
        """The reason of Accepted, "" where it is true; both conditions must be there."""
        found = self._conditions(name, parent, namespace)
        assert {"Accepted", "ResolvedRefs"} <= found.keys()
        return "" if found["Accepted"].status == "True" else found["Accepted"].reason

    def resolved(self, name, parent=0, namespace="default"):
        found = self._conditions(name, parent, namespace)["ResolvedRefs"]
        return "" if found.status == "True" else found.reason

    def status(self, name="gw", namespace="default"):
        return self.translation.statuses[ObjectKey("Gateway", namespace, name)]

    def attached(self, name="gw", namespace="default"):
        return {item.name: item.attached_routes for item in self.status(name, namespace).listeners}

    def ask(self, url, method="GET", gateway="default/gw", port=80, **headers):
        """The Service that takes the request, or the status that the gateway answers."""
        told = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        request, _ = parse(method, f"http://{url}", told, frozenset({port}))
        entries = self.translation.snapshots.get(gateway, {})
        found = explain(_only(self.translation, gateway, entries), request)
        if found.status:
            return found.status
        return "/".join(share.ref.split("/")[1].split(":")[0] for share in found.backends if share.share)


def _only(translation, gateway, entries):
    """The translation as one Gateway's data plane sees it."""
    return type(translation)(snapshots={gateway: entries})


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


# GatewayWithAttachedRoutes


def test_attached_routes_are_counted(world):
    world.now(
        gateway(listeners=[listener("http", "a.io")]),
        route("r1", hostnames=["a.io"]),
        route("r2"),
        route("elsewhere", hostnames=["b.io"]),
    )
    assert world.attached() == {"http": 2}
    assert world.accepted("elsewhere") == "NoMatchingListenerHostname"


def test_attached_routes_are_counted_where_nothing_resolves(world):
    tls = {"certificateRefs": [{"name": "gone"}]}
    world.now(
        gateway(listeners=[listener("tls", port=443, protocol="HTTPS", tls=tls)]),
        route("r", rule("gone"), parents=[{"name": "gw", "sectionName": "tls"}]),
    )
    assert world.attached() == {"tls": 1}
    listed = world.status().listeners[0]
    assert [kind.kind for kind in listed.supported_kinds] == ["HTTPRoute"]
    conditions = {item.type: item.status for item in listed.conditions}
    assert (conditions["ResolvedRefs"], conditions["Programmed"]) == ("False", "False")
    assert world.resolved("r") == "BackendNotFound"


def test_nothing_is_counted_once_the_route_is_gone(world):
    assert world.now(gateway(), route("r")).attached() == {"http": 1}
    assert world.now(gateway()).attached() == {"http": 0}


# GatewayModifyListeners


def test_listeners_come_and_go(world):
    world.now(gateway(), route("r"))
    both = [listener("http"), listener("more", port=8080)]
    assert world.now(gateway(listeners=both, generation=2), route("r")).attached() == {"http": 1, "more": 1}
    assert world.ask("a.io:8080/", port=8080) == "one"
    assert world.now(gateway(listeners=both[1:], generation=3), route("r")).attached() == {"more": 1}
    assert world.ask("a.io/") == 404


# GatewayObservedGenerationBump, HTTPRouteObservedGenerationBump


def test_conditions_follow_the_generation(world):
    for generation in (1, 2):
        world.now(gateway(generation=generation), route("r", generation=generation))
        of_gateway = world.status()
        conditions = [*of_gateway.conditions, *of_gateway.listeners[0].conditions]
        conditions += world._conditions("r", 0, "default").values()
        assert {item.observed_generation for item in conditions} == {generation}


# GatewayHTTPListenerIsolation


@pytest.mark.parametrize("own", [False, True])
def test_the_most_specific_listener_has_the_host_and_only_its_routes(world, own):
    hosts = {"any": "", "wild": "*.a.io", "wilder": "*.b.a.io", "exact": "c.b.a.io"}
    world.now(
        gateway(listeners=[listener(name, host) for name, host in hosts.items()]),
        *(
            route(
                name,
                rule("one", matches=[match(f"/{name}")]),
                parents=[{"name": "gw", "sectionName": name}],
                hostnames=[host] if host and own else (),
            )
            for name, host in hosts.items()
        ),
    )
    for host, taken in {"x.io": "any", "x.a.io": "wild", "x.b.a.io": "wilder", "c.b.a.io": "exact"}.items():
        for name in hosts:
            assert world.ask(f"{host}/{name}") == ("one" if name == taken else 404)


# HTTPRouteCrossNamespace, HTTPRouteInvalidCrossNamespaceParentRef


def test_routes_of_other_namespaces(world):
    selector = taking("Selector", selector={"matchLabels": {"team": "blue"}})
    parent = {"name": "gw", "namespace": "default"}
    world.now(
        gateway(listeners=[listener("http", allowedRoutes=selector)]),
        space("blue", team="blue"),
        space("red", team="red"),
        service("one", "blue"),
        route("r", rule("one", matches=[match("/blue")]), parents=[parent], namespace="blue"),
        route("r", parents=[parent], namespace="red"),
    )
    assert world.ask("a.io/blue") == "one"
    assert world.accepted("r", namespace="blue") == ""
    assert world.accepted("r", namespace="red") == "NotAllowedByListeners"
    assert world.attached() == {"http": 1}


def test_a_namespace_by_its_own_name_and_its_labels_as_they_change(world):
    by_name = taking("Selector", selector={"matchLabels": {"kubernetes.io/metadata.name": "blue"}})
    by_label = taking("Selector", selector={"matchLabels": {"team": "blue"}})
    parent = {"name": "gw", "namespace": "default"}
    for allowed, labels, reason in (
        (by_name, {}, ""),
        (by_label, {}, "NotAllowedByListeners"),
        (by_label, {"team": "blue"}, ""),
        (taking("Same"), {}, "NotAllowedByListeners"),
        (taking("All"), {}, ""),
    ):
        world.now(
            gateway(listeners=[listener("http", allowedRoutes=allowed)]),
            space("blue", **labels),
            service("one", "blue"),
            route("r", parents=[parent], namespace="blue"),
        )
        assert world.accepted("r", namespace="blue") == reason
        assert world.resolved("r", namespace="blue") == ""


# HTTPRouteExactPathMatching


def test_exact_paths(world):
    world.now(
        gateway(),
        route("r", rule("one", matches=[match(exact="/one")]), rule("two", matches=[match(exact="/two")])),
    )
    assert [world.ask(f"a.io{path}") for path in ("/one", "/two")] == ["one", "two"]
    assert {world.ask(f"a.io{path}") for path in ("/", "/one/", "/one/x", "/Two", "/onex")} == {404}


# HTTPRouteHeaderMatching


def test_headers_are_all_wanted_and_more_of_them_win(world):
    world.now(
        gateway(),
        route(
            "r",
            rule("one", matches=[match(headers={"Version": "one"})]),
            rule("two", matches=[match(headers={"version": "one", "Color": "blue"}), match(headers={"color": "red"})]),
        ),
    )
    assert world.ask("a.io/", VERSION="one") == "one"
    assert world.ask("a.io/", Version="one", color="blue") == "two"
    assert world.ask("a.io/", color="red") == "two"
    assert world.ask("a.io/", version="One") == 404
    assert world.ask("a.io/", color="blue") == 404
    assert world.ask("a.io/") == 404


# HTTPRouteHostnameIntersection


def test_hostnames_of_listener_and_route_meet(world):
    listeners = [listener("exact", "very.a.io"), listener("wild", "*.b.io"), listener("deep", "*.c.b.io")]
    world.now(
        gateway(listeners=listeners),
        route("exact", rule("one", matches=[match("/r1")]), hostnames=["not.a.io", "very.a.io"]),
        route("under", rule("two", matches=[match("/r2")]), hostnames=["x.b.io", "y.c.b.io", "b.io"]),
        route("over", rule("three", matches=[match("/r3")]), hostnames=["*.a.io"]),
        route("none", rule("one", matches=[match("/r4")]), hostnames=["d.io", "*.e.io", "b.io"]),
    )
    assert world.attached() == {"exact": 2, "wild": 1, "deep": 1}
    assert world.ask("very.a.io/r1") == "one"
    assert world.ask("VERY.a.io:1234/r1") == "one"
    assert world.ask("very.a.io/r3") == "three"
    assert world.ask("x.b.io/r2") == "two"
    assert world.ask("y.c.b.io/r2") == "two"
    refused = ("not.a.io/r1", "very.a.io/r2", "b.io/r2", "z.b.io/r2", "z.c.b.io/r2", "other.a.io/r3", "d.io/r4")
    assert {world.ask(url) for url in refused} == {404}
    assert world.accepted("none") == "NoMatchingListenerHostname"
    assert world.resolved("none") == ""


# HTTPRouteListenerHostnameMatching


def test_hostnames_of_listeners(world):
    hosts = {"l1": "bar.com", "l2": "foo.bar.com", "l3": "*.bar.com", "l4": "*.foo.com"}
    parents = {"one": ["l1"], "two": ["l2"], "three": ["l3", "l4"]}
    world.now(
        gateway(listeners=[listener(name, host) for name, host in hosts.items()]),
        *(
            route(name, rule(name), parents=[{"name": "gw", "sectionName": section} for section in sections])
            for name, sections in parents.items()
        ),
    )
    expected = {"bar.com": "one", "foo.bar.com": "two", "baz.bar.com": "three", "boo.bar.com": "three"}
    expected |= {"multiple.prefixes.bar.com": "three", "multiple.prefixes.foo.com": "three"}
    expected |= {"foo.com": 404, "no.match.com": 404}
    assert {host: world.ask(f"{host}/") for host in expected} == expected


# HTTPRouteListenerPortMatching, HTTPRouteInvalidParentRef*


def test_ports_of_listeners(world):
    listeners = [listener("l1"), listener("l2", "foo.com", 8080), listener("l3", "bar.com", 8080)]
    listeners += [listener("l4", "foo.com", 8090), listener("l5", "bar.com", 8090)]
    world.now(
        gateway(listeners=listeners),
        route("r1", rule("one"), parents=[{"name": "gw", "port": 80}]),
        route("r2", rule("two"), parents=[{"name": "gw", "port": 8080}]),
        route("r3", rule("three"), parents=[{"name": "gw", "port": 8090, "sectionName": "l4"}]),
        route("port", parents=[{"name": "gw", "port": 81}]),
        route("name", parents=[{"name": "gw", "sectionName": "gone", "port": 80}]),
        route("both", parents=[{"name": "gw", "sectionName": "l1", "port": 8080}]),
    )
    assert world.ask("foo.com/") == "one"
    assert [world.ask(f"{host}:8080/", port=8080) for host in ("foo.com", "bar.com")] == ["two", "two"]
    assert [world.ask(f"{host}:8090/", port=8090) for host in ("foo.com", "bar.com")] == ["three", 404]
    assert [world.accepted(name) for name in ("port", "name", "both")] == ["NoMatchingParent"] * 3
    assert world.attached() == {"l1": 1, "l2": 1, "l3": 1, "l4": 1, "l5": 0}


# HTTPRouteInvalidBackendRefUnknownKind, -InvalidNonExistentBackendRef, -InvalidCrossNamespaceBackendRef, -NoBackendRefs


@pytest.mark.parametrize(
    ("backends", "reason"),
    [
        ([{"name": "x", "group": "unknown.io", "kind": "Unknown"}], "InvalidKind"),
        (["gone"], "BackendNotFound"),
        ([{"name": "one", "port": 81}], "BackendNotFound"),
        ([{"name": "one", "namespace": "other", "port": 80}], "RefNotPermitted"),
        ([{"name": "gone", "namespace": "other", "port": 80}], "RefNotPermitted"),
        ([], ""),
    ],
)
def test_backends_that_lead_nowhere_answer_500(world, backends, reason):
    world.now(gateway(), space("other"), service("one", "other"), route("r", rule(*backends)))
    assert world.accepted("r") == ""
    assert world.resolved("r") == reason
    assert world.ask("a.io/") == 500
    assert world.attached() == {"http": 1}


def test_a_rule_that_says_nothing_answers_500(world):
    world.now(gateway(), route("r", {"matches": [match("/x")]}))
    assert (world.accepted("r"), world.resolved("r"), world.ask("a.io/x")) == ("", "", 500)


# HTTPRouteInvalidReferenceGrant, HTTPRouteReferenceGrant, HTTPRoutePartiallyInvalidViaInvalidReferenceGrant


@pytest.mark.parametrize(
    "wrong",
    [
        {"namespace": "default"},
        {"namespace": "other", "of": "other"},
        {"namespace": "other", "kind": "GRPCRoute"},
        {"namespace": "other", "group": "example.com"},
        {"namespace": "other", "to": "Secret"},
        {"namespace": "other", "name": "two"},
    ],
)
def test_grants_that_grant_something_else(world, wrong):
    abroad = {"name": "one", "namespace": "other", "port": 80}
    world.now(
        gateway(),
        service("one", "other"),
        grant(**wrong),
        route("r", rule(abroad, matches=[match("/abroad")]), rule("two", matches=[match("/home")])),
    )
    assert (world.accepted("r"), world.resolved("r")) == ("", "RefNotPermitted")
    assert (world.ask("a.io/abroad"), world.ask("a.io/home")) == (500, "two")


@pytest.mark.parametrize("name", [None, "one"])
def test_a_grant_holds_until_it_is_gone(world, name):
    rest = [gateway(), service("one", "other"), route("r", rule({"name": "one", "namespace": "other", "port": 80}))]
    world.now(*rest, grant("other", name=name))
    assert (world.resolved("r"), world.ask("a.io/")) == ("", "one")
    world.now(*rest)
    assert (world.resolved("r"), world.ask("a.io/")) == ("RefNotPermitted", 500)


# HTTPRouteMatching, HTTPRouteMatchingAcrossRoutes, HTTPRoutePathMatchOrder


def test_matches_within_a_route(world):
    world.now(
        gateway(),
        route(
            "r",
            rule("one", matches=[match("/"), match(headers={"version": "one"})]),
            rule("two", matches=[match("/v2"), match(headers={"version": "two"})]),
        ),
    )
    expected = {"/": "one", "/example": "one", "/v2": "two", "/v2/": "two", "/v2/example": "two", "/v2example": "one"}
    assert {path: world.ask(f"a.io{path}") for path in expected} == expected
    assert world.ask("a.io/", version="one") == "one"
    assert world.ask("a.io/", Version="two") == "two"
    assert world.ask("a.io/v2", version="one") == "two"


def test_matches_across_routes(world):
    world.now(
        gateway(),
        route(
            "r1",
            rule("one", matches=[match("/"), match(headers={"version": "one"})]),
            hostnames=["a.io", "b.io"],
        ),
        route("r2", rule("two", matches=[match("/v2"), match(headers={"version": "two"})]), hostnames=["a.io"]),
    )
    assert [world.ask(f"a.io{path}") for path in ("/", "/v2", "/v2/x", "/v2x")] == ["one", "two", "two", "one"]
    assert world.ask("a.io/", version="two") == "two"
    assert world.ask("b.io/v2") == "one"
    assert world.ask("b.io/", version="two") == "one"


def test_the_older_route_then_the_first_by_name_wins(world):
    old, new = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"
    world.now(gateway(), route("a", rule("one"), creationTimestamp=new), route("b", rule("two"), creationTimestamp=old))
    assert world.ask("a.io/") == "two"
    world.now(gateway(), route("a", rule("one"), creationTimestamp=old), route("b", rule("two"), creationTimestamp=old))
    assert world.ask("a.io/") == "one"


def test_exact_paths_go_before_prefixes_and_longer_ones_before_shorter(world):
    world.now(
        gateway(),
        route(
            "r",
            rule("three", matches=[match("/match")]),
            rule("two", matches=[match("/match/prefix/"), match("/match/prefix")]),
            rule("one", matches=[match(exact="/match/exact"), match("/match/prefix/one")]),
        ),
    )
    expected = {"/match/exact": "one", "/match/exact/one": "three", "/match": "three", "/match/prefix": "two"}
    expected |= {"/match/prefix/one": "one", "/match/prefix/one/any": "one", "/match/prefix/any": "two", "/any": 404}
    assert {path: world.ask(f"a.io{path}") for path in expected} == expected


# HTTPRouteMethodMatching, HTTPRouteQueryParamMatching


def test_methods_then_headers_then_parameters(world):
    world.now(
        gateway(),
        route(
            "r",
            rule("one", matches=[match(method="POST"), match(exact="/p", query={"a": "1"})]),
            rule("two", matches=[match(method="GET"), match("/p", headers={"v": "1"})]),
            rule("three", matches=[match(query={"a": "1", "b": "2"}), match("/p", method="GET")]),
        ),
    )
    assert [world.ask("a.io/", method) for method in ("POST", "GET", "HEAD", "get")] == ["one", "two", 404, 404]
    assert world.ask("a.io/p") == "three"
    assert world.ask("a.io/p/x", "PUT", v="1") == "two"
    assert world.ask("a.io/p?a=1", "PUT", v="1") == "one"
    assert world.ask("a.io/?a=1&b=2", "PUT") == "three"
    assert world.ask("a.io/?b=2&a=1", "GET") == "two"
    assert world.ask("a.io/?a=1", "PUT") == 404


# HTTPRouteMultipleGateways, HTTPRouteSimpleSameNamespace


def test_gateways_have_their_own_routes(world):
    world.now(
        gateway("gw"),
        gateway("other"),
        route("shared", rule("one", matches=[match("/shared")]), parents=["gw", "other"]),
        route("first", rule("two", matches=[match("/first")])),
        route("second", rule("three", matches=[match("/second")]), parents=["other"]),
    )
    for name, expected in (("gw", ["one", "two", 404]), ("other", ["one", 404, "three"])):
        found = [world.ask(f"a.io/{path}", gateway=f"default/{name}") for path in ("shared", "first", "second")]
        assert found == expected
        assert world.attached(name) == {"http": 2}
    assert [world.accepted("shared", parent) for parent in (0, 1)] == ["", ""]


# HTTPRouteNamedRule, HTTPRouteWeight


def test_rules_keep_their_names_and_weights(world):
    weighted = [
        {"name": name, "port": 80, "weight": weight} for name, weight in (("one", 70), ("two", 30), ("three", 0))
    ]
    world.now(gateway(), route("r", rule(*weighted, name="named"), rule("one", matches=[match("/x")])))
    entries = world.translation.snapshots["default/gw"].values()
    rules = sorted((entry for entry in entries if isinstance(entry, Rule)), key=lambda each: each.index)
    assert [each.name for each in rules] == ["named", ""]
    assert [backend.weight for backend in rules[0].backends] == [70, 30, 0]
    assert world.ask("a.io/") == "one/two"


# HTTPRouteBackendProtocolWebSocket, HTTPRouteBackendProtocolH2C


@pytest.mark.parametrize(
    ("protocol", "reason", "answer"),
    [
        ("kubernetes.io/ws", "", "apart"),
        ("http", "", "apart"),
        ("kubernetes.io/h2c", "UnsupportedProtocol", 500),
        ("kubernetes.io/wss", "UnsupportedProtocol", 500),
        ("https", "UnsupportedProtocol", 500),
    ],
)
def test_protocols_of_backends(world, protocol, reason, answer):
    world.now(gateway(), service("apart", appProtocol=protocol), route("r", rule("apart")))
    assert (world.accepted("r"), world.resolved("r"), world.ask("a.io/")) == ("", reason, answer)


def test_a_protocol_that_is_not_served_costs_its_share_only(world):
    world.now(gateway(), service("apart", appProtocol="kubernetes.io/h2c"), route("r", rule("apart", "one")))
    entry = next(item for item in world.translation.snapshots["default/gw"].values() if isinstance(item, Rule))
    assert [bool(backend.error) for backend in entry.backends] == [True, False]
    assert world.resolved("r") == "UnsupportedProtocol"


# HTTPRouteRedirect*, HTTPRoute30?Redirect, HTTPRouteRewrite*, HTTPRouteRequestMirror, HTTPRouteCORS: accepted and answered


@pytest.mark.parametrize(
    ("filters", "backends", "answer"),
    [
        ([{"type": "RequestRedirect", "requestRedirect": {"hostname": "b.io"}}], [], 302),
        ([{"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 307}}], [], 307),
        ([{"type": "URLRewrite", "urlRewrite": {"hostname": "b.io"}}], ["one"], "one"),
        ([{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "two", "port": 80}}}] * 2, ["one"], "one"),
        ([{"type": "CORS", "cors": {"allowOrigins": ["https://b.io"]}}], ["one"], "one"),
        ([{"type": "ResponseHeaderModifier", "responseHeaderModifier": {"remove": ["X-A"]}}], ["one"], "one"),
    ],
)
def test_filters_are_accepted(world, filters, backends, answer):
    world.now(gateway(), route("r", rule(*backends, filters=filters)))
    assert (world.accepted("r"), world.resolved("r"), world.ask("a.io/")) == ("", "", answer)
