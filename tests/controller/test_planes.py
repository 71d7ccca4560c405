"""Who cannot use what was published, and for how long that is so."""

import asyncio

import pytest

from agw.controller import planes
from agw.controller.planes import Refusals

GATEWAY = "default/gw"


class Told:
    """What is told, and which pods are connected."""

    def __init__(self):
        self.told = []
        self.there = set()
        self.refusals = Refusals(lambda *what: self.told.append(what), lambda _, pod: pod in self.there)


@pytest.fixture
def about():
    return Told()


def test_a_refusal_stays_until_its_pod_has_what_it_refused_or_more(about):
    one = about.refusals
    one.refuse(GATEWAY, "a", 5, "no")
    one.acknowledge(GATEWAY, "b", 9)
    one.acknowledge(GATEWAY, "a", 4)
    one.refuse(GATEWAY, "a", 5, "no")
    assert about.told == [(GATEWAY, "data plane a cannot use it: no", "no")]
    one.acknowledge(GATEWAY, "a", 5)
    assert about.told[1:] == [(GATEWAY, "", "")]
    one.acknowledge(GATEWAY, "a", 6)
    assert len(about.told) == 2


def test_the_newest_version_that_was_refused_counts(about):
    about.refusals.refuse(GATEWAY, "a", 5, "no")
    about.refusals.refuse(GATEWAY, "a", 6, "no")
    about.refusals.acknowledge(GATEWAY, "a", 5)
    assert len(about.told) == 1


def test_reasons_are_told_as_they_come_and_who_has_them(about):
    for number in range(6):
        about.refusals.refuse(GATEWAY, f"p{number}", 2, "too large")
    about.refusals.refuse(GATEWAY, "p0", 3, "unknown")
    assert [news for _, _, news in about.told] == ["too large", "", "", "", "", "", "unknown"]
    assert about.told[-1][1] == (
        "data plane p0 cannot use it: unknown; data planes p1, p2, p3 and 2 more cannot use it: too large"
    )
    for number in range(6):
        about.refusals.refuse(GATEWAY, f"p{number}", 4, f"reason {number}")
    assert about.told[-1][1].endswith("data plane p2 cannot use it: reason 2; and 3 other reasons")


def test_a_pod_that_is_away_for_long_is_gone(about, monkeypatch):
    monkeypatch.setattr(planes, "AWAY", 0.01)

    async def run():
        for pod in ("back", "gone"):
            about.refusals.refuse(GATEWAY, pod, 1, "no")
            about.refusals.leave(GATEWAY, pod)
        about.refusals.leave(GATEWAY, "somebody else")
        about.there.add("back")
        async with asyncio.timeout(20):
            while about.told[-1] != (GATEWAY, "data plane back cannot use it: no", ""):
                await asyncio.sleep(0.005)
        about.there.clear()
        about.refusals.leave(GATEWAY, "back")
        async with asyncio.timeout(20):
            while about.told[-1] != (GATEWAY, "", ""):
                await asyncio.sleep(0.005)

    asyncio.run(run())


def test_what_is_no_longer_published_is_refused_by_nobody(about):
    async def run():
        about.refusals.refuse(GATEWAY, "a", 7, "no")
        about.refusals.refuse("default/other", "a", 7, "no")
        about.refusals.leave(GATEWAY, "a")
        about.refusals.forget(GATEWAY)
        assert about.refusals.said(GATEWAY) == ""
        assert about.refusals.said("default/other")
        about.refusals.close()
        assert about.refusals.said("default/other") == ""
        assert len(about.told) == 2

    asyncio.run(run())
