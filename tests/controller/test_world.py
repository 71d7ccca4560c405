"""Objects from the API server's JSON into a set that follows them."""

import json

import msgspec
import pytest

from agw.controller.decode import reader, written
from agw.controller.world import World
from agw.kube import Batch, Key
from agw.resources import model
from agw.resources.objects import ResourceSet


def route(name="r", *, labels=None, version="1", generation=1, status=None, **spec):
    body = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {
            "name": name,
            "namespace": "team",
            "resourceVersion": version,
            "generation": generation,
            "labels": labels or {},
            "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {}}}],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
        },
        "spec": {"parentRefs": [{"name": "gw"}], **spec},
    }
    if status is not None:
        body["status"] = status
    return body


def held(body, kind=model.HTTPRoute):
    return reader(kind, "gateway.networking.k8s.io/v1")(json.dumps(body).encode())


def batch(*bodies, restart=False, deleted=(), failed=()):
    applied = {Key("team", body["metadata"]["name"]): held(body) for body in bodies}
    gone = frozenset(Key("team", name) for name in deleted)
    return Batch(restart, applied, gone, {Key("team", name): "broken" for name in failed})


def names(world):
    return [resource.name for resource in world.resources.of(model.HTTPRoute)]


def identity(name):
    return (model.HTTPRoute, "team", name)


class TestDecode:
    def test_status_and_version_are_kept(self):
        found = held(route(version="77", status={"parents": []}))
        assert (found.version, found.status) == ("77", b'{"parents": []}')
        assert found.value.spec.parent_refs[0].name == "gw"

    def test_items_of_a_list_do_not_say_what_they_are(self):
        body = {"metadata": {"name": "s", "namespace": "team"}, "data": {"key": "dmFsdWU="}, "type": "Opaque"}
        found = reader(model.Secret, "v1")(json.dumps(body).encode()).value
        assert (found.kind, found.api_version) == ("Secret", "v1")
        assert found.data["key"].reveal() == b"value"

    def test_a_secret_that_is_no_base64_is_refused_without_being_quoted(self):
        body = {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "s"}, "data": {"key": "hunter2!"}}
        with pytest.raises(msgspec.ValidationError) as raised:
            reader(model.Secret, "v1")(json.dumps(body).encode())
        assert "hunter2" not in str(raised.value)

    def test_empty_lists_of_a_slice_are_null_on_the_wire(self):
        body = {
            "kind": "EndpointSlice",
            "apiVersion": "discovery.k8s.io/v1",
            "metadata": {"name": "s", "namespace": "team", "labels": {"kubernetes.io/service-name": "svc"}},
            "addressType": "IPv4",
            "endpoints": None,
            "ports": None,
        }
        found = reader(model.EndpointSlice, "discovery.k8s.io/v1")(json.dumps(body).encode()).value
        assert (found.endpoints, found.ports, found.service) == ((), (), "svc")

    @pytest.mark.parametrize("kind", [kind for kind in model.KINDS if kind != "EndpointSlice"])
    def test_every_kind_has_a_reader(self, kind):
        of = model.KINDS[kind]
        with pytest.raises(msgspec.DecodeError):
            reader(of.type, of.api_versions[0])(b'{"kind": "%s", "metadata": 1}' % kind.encode())


class TestWorld:
    def test_what_came_changed_and_went(self):
        world = World()
        world.apply(model.HTTPRoute, batch(route("a"), route("b"), restart=True))
        assert set(world.take()) == {identity("a"), identity("b")}
        before = world.resources
        world.apply(model.HTTPRoute, batch(route("a", generation=2), deleted=["b"]))
        assert set(world.take()) == {identity("a"), identity("b")}
        assert names(world) == ["a"]
        assert [resource.name for resource in before.of(model.HTTPRoute)] == ["a", "b"], "sets are frozen"

    def test_a_restart_says_all_there_is(self):
        world = World()
        world.apply(model.HTTPRoute, batch(route("a"), route("b"), restart=True))
        world.take()
        world.apply(model.HTTPRoute, batch(route("b"), restart=True))
        assert world.take() == (identity("a"),)

    def test_a_restart_of_one_name_says_nothing_of_the_others(self):
        world = World()
        world.apply(model.HTTPRoute, batch(route("a"), restart=True), scope=frozenset({Key("team", "a")}))
        world.apply(model.HTTPRoute, batch(restart=True), scope=frozenset({Key("team", "b")}))
        world.take()
        assert names(world) == ["a"]

    def test_a_write_of_a_status_changes_no_object(self):
        world = World()
        world.apply(model.HTTPRoute, batch(route("a"), restart=True))
        world.take()
        world.stated()
        first = world.resources.get(*identity("a"))
        world.apply(model.HTTPRoute, batch(route("a", version="2", status={"parents": [1]})))
        assert world.take() == ()
        assert world.resources.get(*identity("a")) is first
        assert world.stated() == {identity("a")}
        assert world.held(*identity("a")).version == "2"

    def test_a_write_of_ours_is_nothing_to_look_at_and_nor_is_its_echo(self):
        world = World()
        world.apply(model.HTTPRoute, batch(route("a"), restart=True))
        world.take()
        world.stated()
        before = world.held(*identity("a"))
        answer = json.dumps(route("a", version="2", status={"parents": [1]})).encode()
        world.written(model.HTTPRoute, Key("team", "a"), before, written(answer, before))
        assert world.held(*identity("a")).version == "2"
        assert world.held(*identity("a")).value is before.value
        world.apply(model.HTTPRoute, batch(route("a", version="2", status={"parents": [1]})))
        assert (world.take(), world.stated()) == ((), frozenset())

    def test_what_a_watch_has_told_meanwhile_is_newer_than_an_answer(self):
        world = World()
        world.apply(model.HTTPRoute, batch(route("a"), restart=True))
        before = world.held(*identity("a"))
        world.apply(model.HTTPRoute, batch(route("a", version="3", status={"parents": [2]})))
        answer = json.dumps(route("a", version="2", status={"parents": [1]})).encode()
        world.written(model.HTTPRoute, Key("team", "a"), before, written(answer, before))
        assert world.held(*identity("a")).version == "3"
        world.apply(model.HTTPRoute, batch(deleted=["a"]))
        world.written(model.HTTPRoute, Key("team", "a"), before, written(answer, before))
        assert world.held(*identity("a")) is None

    def test_a_version_that_brings_nothing_is_nothing(self):
        world = World()
        world.apply(model.HTTPRoute, batch(route("a"), restart=True))
        world.take()
        world.stated()
        world.apply(model.HTTPRoute, batch(route("a", version="2")))
        assert (world.take(), world.stated()) == ((), frozenset())

    def test_what_cannot_be_read_stays_as_it_was(self):
        world = World()
        world.apply(model.HTTPRoute, batch(route("a"), restart=True))
        world.take()
        world.apply(model.HTTPRoute, batch(failed=["a", "new"]))
        assert world.take() == ()
        assert names(world) == ["a"]
        assert set(world.newly_unreadable()) == {identity("a"), identity("new")}
        assert world.newly_unreadable() == ()
        world.apply(model.HTTPRoute, batch(route("a", generation=2), deleted=["new"]))
        assert world.unreadable == {}

    def test_a_restart_keeps_what_became_unreadable(self):
        world = World()
        world.apply(model.HTTPRoute, batch(route("a"), restart=True))
        world.apply(model.HTTPRoute, batch(restart=True, failed=["a"]))
        world.take()
        assert names(world) == ["a"]

    def test_a_change_can_be_held_back(self):
        world = World()
        world.apply(model.HTTPRoute, batch(route("a"), restart=True))
        world.take()
        world.apply(model.HTTPRoute, batch(route("a", generation=2)))
        world.hold(identity("a"))
        assert world.take() == ()
        assert world.resources.get(*identity("a")).value.metadata.generation == 1
        world.resume(identity("a"))
        assert world.take() == (identity("a"),)
        assert world.resources.get(*identity("a")).value.metadata.generation == 2


def test_a_set_with_changes_shares_the_rest():
    first = ResourceSet.of_values(held(route("a")).value, held(route("b")).value)
    second = first.replacing({identity("a"): None})
    assert second.of(model.HTTPRoute) == (first.get(*identity("b")),)
    assert len(first) == 2
    assert second.changed_since(first) == (identity("a"),)
