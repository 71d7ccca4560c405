"""The law of incremental translation: whatever came before, the same set gives the same translation."""

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agw.resources import gateway as api
from agw.resources.meta import ObjectMeta
from agw.resources.objects import Resource, ResourceSet
from agw.snapshot import codec
from agw.snapshot.delta import changes
from agw.snapshot.model import Filters, Policy, Rule, Snapshot
from agw.translate import Translator, translate
from agw.translate.graph import Graph
from tests.unit.translate.worlds import OBJECTS, identity, resources, worlds


def steps():
    """Changes to a set: put an object in place of the one of its identity, or take one away."""
    return st.lists(st.tuples(st.sampled_from(["put", "put", "remove"]), OBJECTS, st.integers(0, 99)), max_size=6)


@settings(max_examples=100, deadline=None)
@given(world=worlds(), moves=steps())
def test_an_update_gives_what_a_fresh_translation_gives(world, moves):
    translator = Translator()
    held = {identity(value): Resource(value) for value in world}
    before = translator.update(ResourceSet(held.values()))
    assert before.changed == {gateway: frozenset(entries) for gateway, entries in before.snapshots.items()}
    for what, value, number in moves:
        if what == "put":
            held[identity(value)] = Resource(value)
        elif held:
            del held[sorted(held, key=str)[number % len(held)]]
        after = ResourceSet(held.values())
        incremental, fresh = translator.update(after), translate(after)
        assert incremental.snapshots == fresh.snapshots
        assert_changed(before, incremental)
        assert incremental.statuses == fresh.statuses
        assert incremental.problems == fresh.problems
        assert incremental.losers == fresh.losers
        assert incremental.origins == fresh.origins
        before = incremental


def assert_changed(before, after):
    """The keys said to have changed are those that did, and what is not said to have is the same object."""
    for gateway in before.snapshots.keys() | after.snapshots.keys():
        old, new = before.snapshots.get(gateway, {}), after.snapshots.get(gateway, {})
        to_set, removed = changes(old, new)
        assert after.changed.get(gateway, frozenset()) == to_set.keys() | set(removed)
        if gateway not in after.changed:
            assert new is old
    assert after.changed.keys() <= before.snapshots.keys() | after.snapshots.keys()


@settings(max_examples=100, deadline=None)
@given(world=worlds())
def test_the_same_set_again_gives_the_same_objects(world):
    translator = Translator()
    first = translator.update(resources(world))
    again = translator.update(resources(world))
    assert again.statuses is first.statuses
    assert again.problems is first.problems
    assert again.changed == {}
    for gateway, entries in first.snapshots.items():
        assert again.snapshots[gateway] is entries


@settings(max_examples=100, deadline=None)
@given(world=worlds())
def test_every_key_that_an_entry_names_is_there(world):
    for entries in translate(resources(world)).snapshots.values():
        assert codec.decode_snapshot(codec.encode(Snapshot(entries=dict(entries)))).entries == entries
        for entry in entries.values():
            if isinstance(entry, Rule):
                assert all(attachment.listener in entries for attachment in entry.attachments)
                assert all(backend.error or backend.backend in entries for backend in entry.backends)
                assert all(mirror.backend in entries for mirror in (entry.filters or Filters()).mirrors)
                policies = {entry.policy, *(attachment.policy for attachment in entry.attachments)} - {""}
                assert all(isinstance(entries[key], Policy) for key in policies)
            elif isinstance(entry, Policy) and entry.api_key is not None:
                assert entry.api_key.credentials in entries


@settings(max_examples=50, deadline=None)
@given(world=worlds())
def test_input_order_does_not_matter(world):
    assert translate(resources(world)) == translate(resources(list(reversed(world))))


def test_nothing_gives_nothing():
    translation = translate(ResourceSet())
    assert translation.snapshots == {}
    assert translation.problems == ()


@pytest.mark.parametrize("size", [50, 500])
def test_one_changed_route_is_one_computed_route_at_any_size(size, monkeypatch):
    def world(path):
        routes = [make_route(number, "/a" if number else path) for number in range(size)]
        return [make_gateway(), *routes]

    translator = Translator()
    before = resources(world("/a"))
    translator.update(before)
    computed = []
    compute = Graph._compute
    monkeypatch.setattr(Graph, "_compute", lambda graph, key: computed.append(key[0].name) or compute(graph, key))
    after = translator.update(ResourceSet([Resource(make_route(0, "/b")), *list(before)[:1], *list(before)[2:]]))
    assert computed == ["route"]
    assert after.changed == {"default/gw": frozenset({"rule/HTTPRoute/default/r0/0"})}


def make_gateway():
    return api.Gateway(
        api_version="gateway.networking.k8s.io/v1",
        kind="Gateway",
        metadata=ObjectMeta("gw", "default"),
        spec=api.GatewaySpec("agw", (api.Listener("http", 80, "HTTP"),)),
    )


def make_route(number, path):
    match = api.HTTPRouteMatch(api.HTTPPathMatch("PathPrefix", path))
    return api.HTTPRoute(
        api_version="gateway.networking.k8s.io/v1",
        kind="HTTPRoute",
        metadata=ObjectMeta(f"r{number}", "default"),
        spec=api.HTTPRouteSpec((api.ParentReference("gw"),), (f"h{number}.x.io",), (api.HTTPRouteRule("", (match,)),)),
    )


def test_a_large_update_leaves_nothing_that_makes_small_ones_slow():
    """A set never becomes small again: popping from one that was large cost each change 0.3 ms more."""
    values = [
        api.HTTPRoute(
            api_version="gateway.networking.k8s.io/v1",
            kind="HTTPRoute",
            metadata=ObjectMeta(name=f"r{number}", namespace="team"),
            spec=api.HTTPRouteSpec(parent_refs=(api.ParentReference(name="gw"),)),
        )
        for number in range(2000)
    ]
    translator = Translator()
    translator.update(ResourceSet.of_values(*values))
    assert sys.getsizeof(translator._graph._loose) < 1000
