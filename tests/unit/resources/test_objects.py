from agw.errors import Position
from agw.resources.model import HTTPRoute, HTTPRouteSpec, Namespace, ObjectMeta
from agw.resources.objects import Resource, ResourceSet


def namespace(name):
    return Namespace("v1", "Namespace", ObjectMeta(name))


def route(namespace, name):
    return HTTPRoute("gateway.networking.k8s.io/v1", "HTTPRoute", ObjectMeta(name, namespace), HTTPRouteSpec())


def test_by_kind_namespace_and_name():
    resources = ResourceSet.of_values(route("b", "y"), route("a", "z"), namespace("n"), route("b", "x"))
    assert [str(found) for found in resources.of(HTTPRoute)] == ["HTTPRoute a/z", "HTTPRoute b/x", "HTTPRoute b/y"]
    assert str(resources.get(Namespace, "", "n")) == "Namespace n"
    assert resources.get(HTTPRoute, "a", "y") is None
    assert len(resources) == len(list(resources)) == 4
    assert all(found in resources for found in resources)
    assert Resource(namespace("n")) not in resources
    assert "n" not in resources


def test_what_changed():
    one, two, three = (Resource(namespace(name)) for name in ("a", "b", "c"))
    before, after = ResourceSet([one, two]), ResourceSet([one, three, Resource(route("a", "x"))])
    assert after.changed_since(before) == ((Namespace, "", "c"), (Namespace, "", "b"), (HTTPRoute, "a", "x"))
    assert after.changed_since(after) == ()


def test_an_object_from_nowhere_has_no_position():
    assert Resource(namespace("a")).source.position_of("$.spec") == Position()
