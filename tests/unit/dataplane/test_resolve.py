"""Endpoints of targets: what `--resolve` names, what DNS says, what stays when it says nothing."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agw.dataplane import resolve
from agw.dataplane.resolve import Resolver, absolute_lookup, forms, parse_resolve, system_lookup
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


async def follow(resolver, entries, changed=None):
    return (await resolver.follow(entries, changed)).entries


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
            found = endpoints(await follow(resolver, backend(host, dns=dns)))
            assert found == (Endpoint("127.0.0.1", 1),)

    asyncio.run(case())


def test_resolve_goes_by_the_port_too_and_wins_over_known_endpoints():
    async def case():
        known = (Endpoint("10.0.0.1", 80),)
        resolver = Resolver({("agent", 9999): Address("127.0.0.1", 1)}, Names())
        assert endpoints(await follow(resolver, backend("agent", 1, endpoints=known))) == known
        assert endpoints(await follow(resolver, backend("agent", 9999, endpoints=known))) == (Endpoint("127.0.0.1", 1),)

    asyncio.run(case())


def test_a_refused_target_is_not_brought_back():
    async def case():
        resolver = Resolver({("agent", 9999): Address("127.0.0.1", 1)}, Names(agent=("10.0.0.1",)))
        assert endpoints(await follow(resolver, backend("agent", dns=True, error="no ReferenceGrant"))) == ()

    asyncio.run(case())


def test_resolve_to_a_name_is_looked_up():
    async def case():
        resolver = Resolver({("agent", 9999): Address("host.internal", 1)}, Names(host_internal=("10.0.0.1", "::1")))
        assert endpoints(await follow(resolver, backend("agent"))) == (Endpoint("10.0.0.1", 1), Endpoint("::1", 1))

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
        first = await follow(resolver, entries)
        again = await follow(resolver, dict(entries))
        assert all(first[key] is again[key] for key in entries)
        assert await resolver.refresh() is None
        names.answers["agent"] = ("10.0.0.2",)
        changed = (await resolver.refresh()).entries
        assert [key for key in entries if changed[key] is not first[key]] == ["backend/Backend/default/b"]
        assert endpoints(changed) == (Endpoint("10.0.0.2", 9999),)

    asyncio.run(case())


def test_a_failure_keeps_the_last_answer_and_is_one_problem():
    async def case():
        names = Names(agent=("10.0.0.1",))
        resolver = Resolver({}, names)
        first = await follow(resolver, backend("agent", dns=True))
        del names.answers["agent"]
        assert await resolver.refresh() is None
        assert await resolver.refresh() is None
        assert endpoints(await follow(resolver, backend("agent", dns=True))) == endpoints(first)
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
        assert endpoints(await follow(resolver, backend("agent", dns=True))) == ()
        assert "answers 503" in resolver.problems[0].message
        names.answers["agent"] = ("10.0.0.1",)
        assert endpoints((await resolver.refresh()).entries) == (Endpoint("10.0.0.1", 9999),)

    asyncio.run(case())


def test_a_slow_name_holds_up_nothing_else(monkeypatch):
    monkeypatch.setattr(resolve, "FIRST_ANSWER", 0.01)

    async def case():
        slow = asyncio.Event()
        resolver = Resolver({}, Names(agent=slow))
        assert endpoints(await follow(resolver, backend("agent", dns=True))) == ()
        slow.set()
        assert endpoints((await resolver.refresh()).entries) == (Endpoint("10.9.9.9", 9999),)

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
        assert endpoints(await follow(resolver, backend("a" * 70 + ".x", dns=True))) == ()
        assert "does not resolve" in resolver.problems[0].message

    asyncio.run(case())


def test_the_systems_answer_has_one_order():
    found = asyncio.run(system_lookup("localhost"))
    assert "127.0.0.1" in found
    assert list(found) == sorted(found, key=lambda address: (":" in address, address))


_hosts = st.sampled_from(["a.x", "b.x", "c.x", "10.0.0.1"])
_targets = st.builds(Target, name=st.just("t"), host=_hosts, port=st.just(1), dns=st.booleans())
_entries = st.dictionaries(
    st.sampled_from("abcd"),
    st.builds(Backend, ref=st.just("d/b"), targets=st.lists(_targets, max_size=2).map(tuple))
    | st.builds(Listener, gateway=st.just("a/b"), name=st.just("l"), port=st.integers(1, 2)),
)
_answers = st.dictionaries(st.sampled_from(["a.x", "b.x", "c.x"]), st.sampled_from([("10.0.0.1",), ("10.0.0.2",)]))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(_entries, _answers, st.booleans()), max_size=5))
def test_what_changed_is_enough_to_know(steps):
    """A resolver that is told the keys gives what one gives that starts from nothing, and says all that differs."""

    async def case():
        names = Names()
        told = Resolver({}, names)
        given, held = {}, {}
        for entries, answers, refreshed in steps:
            names.answers = answers
            changed = frozenset(key for key in given.keys() | entries.keys() if given.get(key) != entries.get(key))
            resolved = await told.follow(entries, changed if given else None)
            results = [resolved, *([await told.refresh()] if refreshed else [])]
            for result in filter(None, results):
                differing = {
                    key for key in held.keys() | result.entries.keys() if held.get(key) != result.entries.get(key)
                }
                assert result.changed is None or differing <= result.changed
                held = result.entries
            given = entries
        await told.refresh()
        now = (await told.follow(given, frozenset())).entries
        fresh = Resolver({}, names)
        for name, answer in told._answers.items():
            names.answers.setdefault(name, answer)  # a failure keeps the last answer
        assert now == (await fresh.follow(given)).entries
        assert told._users.keys() == {name for name, users in told._users.items() if users}

    asyncio.run(case())


def test_a_refresh_while_a_configuration_waits_for_names_loses_nothing():
    async def case():
        slow = asyncio.Event()
        names = Names(agent=("10.0.0.1",), slow=slow)
        resolver = Resolver({}, names)
        first = {**backend("agent", dns=True), "l": Listener("a/b", "c", 1)}
        await resolver.follow(first)
        second = {
            **first,
            "l": Listener("a/b", "c", 2),
            "s": Backend("d/s", targets=(Target("t", "slow", 1, dns=True),)),
        }
        waiting = asyncio.ensure_future(resolver.follow(second, frozenset({"l", "s"})))
        while "slow" not in names.asked:
            await asyncio.sleep(0)
        names.answers["agent"] = ("10.0.0.2",)
        del names.answers["slow"]
        early = await resolver.refresh()
        assert early.changed == {"l", "s", "backend/Backend/default/b"}
        slow.set()
        late = await waiting
        assert late.changed == {"s"}
        assert {**early.entries, "s": late.entries["s"]} == late.entries

    asyncio.run(case())


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "127.8.0.1", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1", "169.254.169.254", "fe80::1"]
)
def test_a_pod_is_no_endpoint_of_its_own(address):
    async def case():
        resolver = Resolver({}, Names(agent=(address, "10.0.0.1")), own=False)
        assert endpoints(await follow(resolver, backend("agent", dns=True))) == (Endpoint("10.0.0.1", 9999),)
        assert [problem.code for problem in resolver.problems] == ["AGW3009"]
        known = (Endpoint(address, 15000),)
        assert endpoints(await follow(resolver, backend("agent", endpoints=known))) == ()
        assert [problem.code for problem in resolver.problems] == ["AGW3009"]
        assert endpoints(await follow(resolver, backend("agent", endpoints=(Endpoint("10.0.0.1", 1),))))
        assert resolver.problems == ()
        allowed = Resolver({}, Names(agent=(address,)))
        assert endpoints(await follow(allowed, backend("agent", dns=True))) == (Endpoint(address, 9999),)

    asyncio.run(case())


def test_own_addresses_that_a_name_gives_later_are_taken_away_too():
    async def case():
        names = Names(agent=("10.0.0.1",))
        resolver = Resolver({}, names, own=False)
        assert endpoints(await follow(resolver, backend("agent", dns=True))) == (Endpoint("10.0.0.1", 9999),)
        names.answers["agent"] = ("127.0.0.1",)
        found = await resolver.refresh()
        assert found is not None
        assert endpoints(found.entries) == ()
        assert [problem.code for problem in resolver.problems] == ["AGW3009"]

    asyncio.run(case())


def test_a_name_in_a_pod_is_absolute(monkeypatch):
    asked = []

    async def lookup(name):
        asked.append(name)
        return ("10.0.0.1",)

    monkeypatch.setattr(resolve, "system_lookup", lookup)
    assert asyncio.run(absolute_lookup("web-0.web.victim")) == ("10.0.0.1",)
    asyncio.run(absolute_lookup("agents.example.com."))
    assert asked == ["web-0.web.victim.", "agents.example.com."]


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "fd00::1"])
def test_denied_networks_are_reached_by_no_address_and_no_name(address):
    async def case():
        resolver = Resolver({}, Names(agent=(address, "192.0.2.1")), denied=("10.0.0.0/8", "fd00::/8"))
        assert endpoints(await follow(resolver, backend("agent", dns=True))) == (Endpoint("192.0.2.1", 9999),)
        assert [problem.code for problem in resolver.problems] == ["AGW3010"]
        known = (Endpoint(address, 9999),)
        assert endpoints(await follow(resolver, backend(address, endpoints=known))) == ()
        assert endpoints(await follow(resolver, backend(f"[{address}]", endpoints=known))) == ()
        assert [problem.code for problem in resolver.problems] == ["AGW3010"]
        assert endpoints(await follow(resolver, backend("agent", endpoints=known))) == known, "a Service's"
        assert resolver.problems == ()

    asyncio.run(case())
