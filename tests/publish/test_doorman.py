"""Limits of connections, and of refused Hellos."""

from __future__ import annotations

from agw.controller.publish.doorman import MAX_PEERS, Doorman, Limits


def test_strangers_are_few_and_fewer_of_one_address():
    doorman = Doorman(Limits(connections=6, strangers=4, strangers_of_one=2))
    assert [doorman.admit("a") for _ in range(3)] == [True, True, False]
    assert [doorman.admit("b") for _ in range(3)] == [True, True, False]
    assert not doorman.admit("c")
    doorman.prove("a")
    assert doorman.admit("c")
    for peer in ("a", "b", "b", "c"):
        doorman.prove(peer)
    assert doorman.admit("d")
    assert not doorman.admit("d")  # six are inside
    doorman.leave("a", proved=True)
    assert doorman.admit("d")
    doorman.leave("d", proved=False)
    doorman.leave("d", proved=False)
    assert not doorman._strangers


def test_who_is_refused_too_often_waits_for_a_while():
    doorman = Doorman(Limits(refusals=2, window=60))
    doorman.refuse("a", 0)
    assert not doorman.waits("a", 1)
    doorman.refuse("a", 1)
    assert doorman.waits("a", 59)
    assert not doorman.waits("b", 59)
    assert not doorman.waits("a", 61)
    doorman.refuse("a", 61)
    assert not doorman.waits("a", 62)


def test_addresses_are_forgotten():
    doorman = Doorman(Limits(refusals=1))
    for number in range(MAX_PEERS + 10):
        doorman.refuse(str(number), 0)
    assert not doorman.waits("0", 1)
    assert doorman.waits(str(MAX_PEERS), 1)
    assert len(doorman._refused) == MAX_PEERS
