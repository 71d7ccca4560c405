"""The law of incremental translation: whatever came before, the same set gives the same translation."""

from hypothesis import given, settings
from hypothesis import strategies as st

from agw.resources.objects import Resource, ResourceSet
from agw.snapshot import codec
from agw.snapshot.model import Policy, Rule, Snapshot
from agw.translate import Translator, translate
from tests.unit.translate.worlds import OBJECTS, identity, resources, worlds


def steps():
    """Changes to a set: put an object in place of the one of its identity, or take one away."""
    return st.lists(st.tuples(st.sampled_from(["put", "put", "remove"]), OBJECTS, st.integers(0, 99)), max_size=6)


@settings(max_examples=100, deadline=None)
@given(world=worlds(), changes=steps())
def test_an_update_gives_what_a_fresh_translation_gives(world, changes):
    translator = Translator()
    held = {identity(value): Resource(value) for value in world}
    translator.update(ResourceSet(held.values()))
    for what, value, number in changes:
        if what == "put":
            held[identity(value)] = Resource(value)
        elif held:
            del held[sorted(held, key=str)[number % len(held)]]
        after = ResourceSet(held.values())
        incremental, fresh = translator.update(after), translate(after)
        assert incremental.snapshots == fresh.snapshots
        assert incremental.statuses == fresh.statuses
        assert incremental.problems == fresh.problems
        assert incremental.losers == fresh.losers
        assert incremental.origins == fresh.origins


@settings(max_examples=100, deadline=None)
@given(world=worlds())
def test_the_same_set_again_gives_the_same_objects(world):
    translator = Translator()
    first = translator.update(resources(world))
    again = translator.update(resources(world))
    assert again.statuses is first.statuses
    assert again.problems is first.problems
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
