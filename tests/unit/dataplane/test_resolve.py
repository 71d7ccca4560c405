"""Endpoints of targets: what `--resolve` names, what DNS says, what stays when it says nothing."""

from __future__ import annotations

import asyncio

import pytest

from agw.dataplane import resolve
from agw.dataplane.resolve import Resolver, forms, parse_resolve, system_lookup
from agw.settings import Address
from agw.snapshot.model import Backend, Endpoint, Listener, Target


class Names:
    """A lookup that a test fills."""

    def __init__(self, **answers):
        self.answers = {name.replace("_", "."): answer for name, answer in answers.items()}
        self.asked = []

    async def __call__(self, name):
        self.asked.append(name)
        if name not in self.answers:
            raise OSError(-2, "Name or service not known")
        answer = self.answers[name]
        if isinstance(answer, asyncio.Event):
            await answer.wait()
            return ("10.9.9.9",)
        return answer


def backend(host, port=9999, **fields):
    return {"backend/Backend/default/b": Backend("default/b", targets=(Target("t", host, port, **fields),))}


def endpoints(entries):
    return entries["backend/Backend/default/b"].targets[0].endpoints


def test_resolve_option():
    assert parse_resolve("Agent.:9999=127.0.0.1:1") == (("agent", 9999), Address("127.0.0.1", 1))
    assert parse_resolve("agent:9999=[::1]:1") == (("agent", 9999), Address("::1", 1))
    for text in ("agent=127.0.0.1:1", "agent:9999", "agent:x=127.0.0.1:1", ":1=127.0.0.1:1", "agent:1=127.0.0.1"):
        with pytest.raises(ValueError, match=r":PORT|HOST:PORT"):
            parse_resolve(text)


def test_a_service_has_four_names():
    every = {"a", "a.ns", "a.ns.svc", "a.ns.svc.cluster.local"}
    for name in every:
        assert set(forms(name, "ns")) == every
    assert forms("api.example.com", "ns") == ("api.example.com",)


@pytest.mark.parametrize("host", ["agent", "agent.default", "agent.default.svc", "agent.default.svc.cluster.local"])
@pytest.mark.parametrize("named", ["agent", "agent.default", "agent.default.svc", "agent.default.svc.cluster.local"])
def test_resolve_finds_a_target_by_each_of_its_names(host, named):
    async def case():
        resolver = Resolver({(named, 9999): Address("127.0.0.1", 1)}, Names())
        for dns in (True, False):
            found = endpoints(await resolver.follow(backend(host, dns=dns)))
            assert found == (Endpoint("127.0.0.1", 1),)

    asyncio.run(case())


def test_resolve_goes_by_the_port_too_and_wins_over_known_endpoints():
    async def case():
        known = (Endpoint("10.0.0.1", 80),)
        resolver = Resolver({("agent", 9999): Address("127.0.0.1", 1)}, Names())
        assert endpoints(await resolver.follow(backend("agent", 1, endpoints=known))) == known
        assert endpoints(await resolver.follow(backend("agent", 9999, endpoints=known))) == (Endpoint("127.0.0.1", 1),)

    asyncio.run(case())


def test_a_refused_target_is_not_brought_back():
    async def case():
        resolver = Resolver({("agent", 9999): Address("127.0.0.1", 1)}, Names(agent=("10.0.0.1",)))
        assert endpoints(await resolver.follow(backend("agent", dns=True, error="no ReferenceGrant"))) == ()

    asyncio.run(case())


def test_resolve_to_a_name_is_looked_up():
    async def case():
        resolver = Resolver({("agent", 9999): Address("host.internal", 1)}, Names(host_internal=("10.0.0.1", "::1")))
        assert endpoints(await resolver.follow(backend("agent"))) == (Endpoint("10.0.0.1", 1), Endpoint("::1", 1))

    asyncio.run(case())


def test_only_what_changes_is_another_object():
    async def case():
        names = Names(agent=("10.0.0.1",))
        entries = {
            **backend("agent", dns=True),
            "backend/Backend/default/c": Backend("default/c"),
            "l": Listener("a/b", "c", 1),
        }
        resolver = Resolver({}, names)
        first = await resolver.follow(entries)
        again = await resolver.follow(dict(entries))
        assert all(first[key] is again[key] for key in entries)
        assert await resolver.refresh() is None
        names.answers["agent"] = ("10.0.0.2",)
        changed = await resolver.refresh()
        assert [key for key in entries if changed[key] is not first[key]] == ["backend/Backend/default/b"]
        assert endpoints(changed) == (Endpoint("10.0.0.2", 9999),)

    asyncio.run(case())


def test_a_failure_keeps_the_last_answer_and_is_one_problem():
    async def case():
        names = Names(agent=("10.0.0.1",))
        resolver = Resolver({}, names)
        first = await resolver.follow(backend("agent", dns=True))
        del names.answers["agent"]
        assert await resolver.refresh() is None
        assert await resolver.refresh() is None
        assert endpoints(resolver.resolved()) == endpoints(first)
        (problem,) = resolver.problems
        assert "its last addresses stay in use" in problem.message
        names.answers["agent"] = ("10.0.0.1",)
        assert await resolver.refresh() is None
        assert resolver.problems == ()

    asyncio.run(case())


def test_a_name_that_never_resolved_has_no_endpoint_until_it_does():
    async def case():
        names = Names()
        resolver = Resolver({}, names)
        assert endpoints(await resolver.follow(backend("agent", dns=True))) == ()
        assert "answers 503" in resolver.problems[0].message
        names.answers["agent"] = ("10.0.0.1",)
        assert endpoints(await resolver.refresh()) == (Endpoint("10.0.0.1", 9999),)

    asyncio.run(case())


def test_a_slow_name_holds_up_nothing_else(monkeypatch):
    monkeypatch.setattr(resolve, "FIRST_ANSWER", 0.01)

    async def case():
        slow = asyncio.Event()
        resolver = Resolver({}, Names(agent=slow))
        assert endpoints(await resolver.follow(backend("agent", dns=True))) == ()
        slow.set()
        assert endpoints(await resolver.refresh()) == (Endpoint("10.9.9.9", 9999),)

    asyncio.run(case())


def test_names_no_longer_used_are_forgotten():
    async def case():
        names = Names(agent=("10.0.0.1",))
        resolver = Resolver({}, names)
        await resolver.follow(backend("agent", dns=True))
        await resolver.follow(backend("gone", dns=True))
        await resolver.follow({})
        assert resolver.problems == ()
        names.asked.clear()
        await resolver.refresh()
        assert names.asked == []

    asyncio.run(case())


def test_a_name_that_cannot_be_one_is_a_problem():
    async def case():
        resolver = Resolver({})
        assert endpoints(await resolver.follow(backend("a" * 70 + ".x", dns=True))) == ()
        assert "does not resolve" in resolver.problems[0].message

    asyncio.run(case())


def test_the_systems_answer_has_one_order():
    found = asyncio.run(system_lookup("localhost"))
    assert "127.0.0.1" in found
    assert list(found) == sorted(found, key=lambda address: (":" in address, address))
