"""The compiled route table against its slow twin, on random tables and requests from small alphabets.

Small, so that things collide: hostnames of few labels, paths of few segments, a handful of values. AGW_EXAMPLES=10 runs
ten times as many examples.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agw._fastpath.index import alive
from agw._fastpath.table import Table, compile_table
from agw.snapshot.model import (
    Attachment,
    Backend,
    Entry,
    FieldMatch,
    Listener,
    Match,
    PathMatch,
    Policy,
    Rule,
    WeightedBackend,
)
from tests.oracles.route_twin import Answer, Request, answer

EXAMPLES = int(os.environ.get("AGW_EXAMPLES", "1"))
PORTS = (80, 81)
LISTENERS = ("l1", "l2", "l3", "l4")
POLICIES = ("", "policy/p1", "policy/p2")
BACKENDS = ("backend/b1", "backend/b2")

hosts = st.lists(st.sampled_from("ab"), min_size=1, max_size=4).map(".".join)
hostnames = st.one_of(st.just(""), hosts, hosts.map("*.{}".format))
segments = st.lists(st.sampled_from(["a", "b", "ab", ""]), max_size=4)
paths = segments.map(lambda names: "/" + "/".join(names))
expressions = st.sampled_from(["/a", "/a.*", "/.*", "/[ab]+", "/a|/b", "/(a|b)(/.*)?", "(", "b/?", ""])
path_matches = st.one_of(
    st.builds(PathMatch, st.just("Exact"), paths),
    st.builds(PathMatch, st.just("PathPrefix"), paths),
    st.builds(PathMatch, st.just("RegularExpression"), expressions),
)
header_matches = st.one_of(
    st.builds(FieldMatch, st.sampled_from(["x", "x-y"]), st.sampled_from(["", "1", "2", "1, 2"])),
    st.builds(FieldMatch, st.sampled_from(["x", "x-y"]), st.sampled_from(["1", "1.*", "[12]", "*"]), st.just(True)),  # noqa: FBT003
)
query_matches = st.one_of(
    st.builds(FieldMatch, st.sampled_from(["q", "Q", "a b"]), st.sampled_from(["", "1", "a b", "a+b", "é"])),
    st.builds(FieldMatch, st.sampled_from(["q", "a b"]), st.sampled_from(["1?", "a.b", "+"]), st.just(True)),  # noqa: FBT003
)
matches = st.builds(
    Match,
    path_matches,
    st.sampled_from(["", "", "GET", "PURGE"]),
    st.lists(header_matches, max_size=2).map(tuple),
    st.lists(query_matches, max_size=2).map(tuple),
)
attachments = st.builds(
    Attachment,
    st.sampled_from([*LISTENERS, "none"]).map("listener/{}".format),
    st.lists(hostnames, min_size=1, max_size=3).map(tuple),
    st.sampled_from(POLICIES),
)
rules = st.builds(
    Rule,
    st.sampled_from(["n/a", "n/b", "m/a"]),
    st.integers(0, 1),
    st.lists(attachments, min_size=1, max_size=2).map(tuple),
    st.lists(matches, min_size=1, max_size=3).map(tuple),
    st.lists(st.builds(WeightedBackend, st.sampled_from(BACKENDS)), max_size=2).map(tuple),
    created=st.sampled_from(["", "2024-05-06T00:00:00Z", "2025-01-01T00:00:00Z"]),
    policy=st.sampled_from(POLICIES),
)
headers = st.lists(
    st.tuples(st.sampled_from([b"x", b"X", b"X-Y", b"x_y", b"z"]), st.sampled_from([b"", b"1", b"2", b"1, 2"])),
    max_size=3,
).map(tuple)
queries = st.one_of(
    st.none(),
    st.lists(
        st.sampled_from(
            [b"q", b"q=", b"q=1", b"%71=1", b"Q=1", b"a+b=1", b"a%20b=a+b", b"q=a%2Bb", b"q=%C3%a9", b"=", b""]
        ),
        max_size=4,
    ).map(b"&".join),
    st.text("q=&1+%a2 b", max_size=12).map(str.encode),
)
requests = st.builds(
    Request,
    st.sampled_from([*PORTS, 82]),
    st.sampled_from([b"GET", b"POST", b"PURGE"]),
    st.one_of(hosts, st.just(""), st.just("b.a")).map(str.encode),
    st.one_of(paths, st.just("*")).map(str.encode),
    queries,
    headers,
)


@st.composite
def snapshots(draw: st.DrawFn) -> dict[str, Entry]:
    """Draw the entries of a snapshot; any reference may dangle."""
    entries: dict[str, Entry] = {}
    for name in draw(st.sets(st.sampled_from(LISTENERS))):
        entries[f"listener/{name}"] = Listener("n/g", name, draw(st.sampled_from(PORTS)), hostname=draw(hostnames))
    for rule in draw(st.lists(rules, max_size=8)):
        entries[f"rule/HTTPRoute/{rule.route}/{rule.index}"] = rule
    for key in draw(st.sets(st.sampled_from(POLICIES[1:]))):
        entries[key] = Policy((key, *draw(st.sampled_from([(), ("again",)]))))
    for key in draw(st.sets(st.sampled_from(BACKENDS))):
        entries[key] = Backend(key, protocol=draw(st.sampled_from(["HTTP", "A2A"])))
    return entries


def asked(table: Table, request: Request) -> Answer | None:
    """Ask the table what the twin is asked."""
    arguments = (request.port, request.method, request.host, request.path, request.query, request.headers)
    found = table.match(*arguments)
    rule = table.rule(*arguments)
    if found is None or rule is None:
        assert found is rule is None
        return None
    assert rule.key == found[0]
    return Answer(*found, policy_key(rule.policy))


def policy_key(policy: object) -> str | None:
    """Policies of these snapshots carry their own key; a missing one denies."""
    if policy is None:
        return ""
    return policy.entry.refs[0] if policy.entry else None


def expected(entries: dict[str, Entry], request: Request) -> Answer | None:
    """Ask the twin; the policy key as policy_key() can tell it."""
    found = answer(entries, request)
    if found is None or not found.policy or found.policy in entries:
        return found
    return Answer(found.rule, found.match, None)


@settings(max_examples=200 * EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(snapshots(), st.lists(requests, min_size=1, max_size=12))
def test_table_answers_as_its_twin(entries: dict[str, Entry], asks: list[Request]) -> None:
    table = compile_table(entries)
    for request in asks:
        assert asked(table, request) == expected(entries, request), request


@settings(max_examples=80 * EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(snapshots(), min_size=2, max_size=5), st.lists(requests, min_size=1, max_size=8), st.data())
def test_a_table_made_from_the_previous_one_is_as_good_as_a_new_one(
    versions: list[dict[str, Entry]], asks: list[Request], data: st.DataObject
) -> None:
    before = alive()
    entries = versions[0]
    table = compile_table(entries)
    for target in versions[1:]:
        older, previous = entries, table
        entries = mixed(older, target, data.draw(st.integers(1, 3)))
        changed = frozenset(key for key in {*older, *entries} if older.get(key) != entries.get(key))
        table = compile_table(entries, 1, previous, changed)
        for request in asks:
            assert asked(table, request) == expected(entries, request), request
            assert asked(previous, request) == expected(older, request), request
    check_nouns(table, entries)
    del previous
    shared = alive()
    del table
    assert alive() == before
    table = compile_table(entries)  # noqa: F841 # it is held for what it holds to be counted
    assert alive() == shared, "what nothing uses any more was kept"


def mixed(older: dict[str, Entry], target: dict[str, Entry], share: int) -> dict[str, Entry]:
    """Take every share-th difference from the target: 1 is the whole target."""
    keys = sorted({*older, *target})
    taken = {key: target.get(key) if n % share == 0 else older.get(key) for n, key in enumerate(keys)}
    return {key: entry for key, entry in taken.items() if entry is not None}


def check_nouns(table: Table, entries: dict[str, Entry]) -> None:
    """Compare what rules hold with what the entries say."""
    assert set(table.rules) == {key for key, entry in entries.items() if isinstance(entry, Rule)}
    assert set(table.backends) == {key for key, entry in entries.items() if isinstance(entry, Backend)}
    for key, backend in table.backends.items():
        assert backend.entry == entries[key]
    for key, rule in table.rules.items():
        entry = entries[key]
        assert rule.entry == entry
        for served in (rule, *(rule.variants or {}).values()):
            assert served.policy is None or served.policy.entry is None or served.policy.entry in entries.values()
            assert [name for name, _ in served.weights] == [
                ref.backend if ref.backend in entries else "" for ref in entry.backends
            ]
            assert all(backend is table.backends[backend.key] for backend in served.backend_refs)
