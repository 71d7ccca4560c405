"""Which snapshot is in force, and what a worker is told."""

from __future__ import annotations

from agw.dataplane.frames import Change, Full
from agw.dataplane.publication import Publication
from agw.errors import Problem
from agw.snapshot.codec import decode_delta, decode_snapshot
from agw.snapshot.delta import apply
from agw.snapshot.model import Delta, Listener, Snapshot

A = {"a": Listener("a/b", "a", 1)}
AB = {**A, "b": Listener("a/b", "b", 2)}
C = {"a": Listener("a/b", "a", 3)}
WRONG = (Problem("AGW3004", "wrong"),)


def told(publication):
    """The snapshot that a new worker ends up with."""
    first, *rest = publication.briefing()
    assert isinstance(first, Full)
    snapshot = decode_snapshot(first.snapshot)
    for change in rest:
        snapshot = apply(snapshot, decode_delta(change.delta))
    return snapshot


def test_nothing_is_told_before_there_is_something():
    assert Publication().briefing() == ()


def test_a_delta_leads_from_one_version_to_the_next():
    publication = Publication()
    snapshot = Snapshot()
    for number, entries in enumerate((A, AB, C), start=1):
        change = publication.take(entries, number)
        snapshot = apply(snapshot, decode_delta(change.delta))
        assert snapshot == publication.latest == told(publication) == Snapshot(number, entries)
        assert publication.unsettled
        publication.settle()
        assert not publication.unsettled


def test_settling_says_what_changed():
    publication = Publication()
    publication.take(A, 1)
    assert publication.settle() == "+1 ~0 -0"
    publication.take(AB, 2)
    assert publication.settle() == "+1 ~0 -0"
    publication.take(C, 3)
    assert publication.settle() == "+0 ~1 -1"


def test_an_empty_configuration_is_one():
    publication = Publication()
    assert isinstance(publication.take({}, 1), Change)
    assert publication.latest.version == 1


def test_the_same_again_is_nothing_to_send():
    publication = Publication()
    publication.take(A, 1)
    publication.settle()
    assert publication.take(dict(A), 2) is None
    assert publication.settle() == "+0 ~0 -0"
    assert (publication.generation, publication.in_force.version) == (2, 1)
    assert publication.results == {"applied": 2, "refused": 0}


def test_what_is_known_to_differ_is_all_that_is_compared():
    publication = Publication()
    publication.take(A, 1)
    publication.settle()
    publication.take(AB, 2, frozenset("b"))
    change = publication.take(C, 3, frozenset("ab"))
    assert decode_delta(change.delta) == Delta(2, 3, {"a": C["a"]}, ("b",))
    assert publication.settle() == "+0 ~1 -0"
    assert publication.take(dict(C), 4, frozenset("ab")) is None
    assert publication.take(AB, 5, frozenset()) is None  # whoever says so is believed


def test_a_changed_address_is_no_reload():
    publication = Publication()
    publication.take(A, 1)
    publication.settle()
    publication.take(C, 1)
    publication.settle()
    assert publication.results == {"applied": 1, "refused": 0}


def test_what_a_worker_refuses_is_counted_once_and_a_new_worker_begins_with_what_works():
    publication = Publication()
    publication.take(A, 1)
    publication.settle()
    publication.take(AB, 2)
    publication.refuse(WRONG)
    publication.refuse(WRONG)
    assert publication.results == {"applied": 1, "refused": 1}
    assert publication.refused == WRONG
    assert decode_snapshot(publication.briefing()[0].snapshot) == Snapshot(1, A)
    assert told(publication) == publication.latest
    publication.take(C, 3)
    publication.settle()
    assert publication.refused == ()
    assert told(publication) == Snapshot(3, C)


def test_what_the_source_refuses_changes_nothing():
    publication = Publication()
    publication.take(A, 1)
    publication.settle()
    publication.reject(WRONG, 7)
    assert (publication.in_force.entries, publication.refused, publication.refused_generation) == (A, WRONG, 7)
    publication.take(A, 3)
    publication.settle()
    assert publication.refused == ()


def test_what_was_refused_is_refused_when_it_comes_again():
    publication = Publication()
    publication.take(A, 1)
    publication.settle()
    publication.take(AB, 2)
    publication.refuse(WRONG)
    assert publication.refused_generation == 2
    assert publication.take(dict(AB), 3) is None
    assert publication.refused_generation == 3
    assert publication.unsettled
