"""The law of deltas, and that what did not change is shared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agw.snapshot.delta import VersionGap, apply, diff
from agw.snapshot.model import Delta, Listener, Snapshot
from tests.unit.snapshot.entries import entry_maps


@given(old=entry_maps(), new=entry_maps())
def test_applying_the_difference_gives_the_new_one(old, new):
    before, after = Snapshot(3, old), Snapshot(4, new)
    kept = dict(old)
    delta = diff(before, after)
    result = apply(before, delta)
    assert result == after
    assert before.entries == kept
    assert all(result.entries[key] is entry for key, entry in old.items() if key not in delta.set and key in new)


@given(old=entry_maps(), new=entry_maps(), more=st.sets(st.sampled_from(["entry/0", "entry/3", "nobody's"])))
def test_who_knows_what_may_differ_gets_the_same_difference(old, new, more):
    before, after = Snapshot(3, old), Snapshot(4, new)
    whole = diff(before, after)
    assert diff(before, after, {*whole.set, *whole.removed, *more}) == whole


@given(entries=entry_maps())
def test_no_difference_is_an_empty_delta(entries):
    delta = diff(Snapshot(1, entries), Snapshot(2, dict(entries)))
    assert (delta.set, delta.removed) == ({}, ())


def test_a_delta_from_another_version_is_refused():
    with pytest.raises(VersionGap):
        apply(Snapshot(1), Delta(base=2, version=3))


def test_removing_what_is_not_there_is_no_error():
    listener = Listener(gateway="default/gw", name="http", port=80)
    result = apply(Snapshot(1, {"listener/default/gw/http": listener}), Delta(base=1, version=2, removed=("gone",)))
    assert result == Snapshot(2, {"listener/default/gw/http": listener})
