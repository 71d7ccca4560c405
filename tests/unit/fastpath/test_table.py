"""The route table where the random tests seldom come: precedence by example, deep paths, many names, sharing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import pairwise

import msgspec
import pytest

from agw._fastpath.index import alive
from agw._fastpath.table import Table, compile_table
from agw.snapshot.model import (
    ApiKeyAuth,
    Attachment,
    Backend,
    Credential,
    CredentialSet,
    Entry,
    FieldMatch,
    Listener,
    Match,
    PathMatch,
    Policy,
    Rule,
    WeightedBackend,
)

HTTP = "listener/n/g/http"


def key(name: str, index: int = 0) -> str:
    return f"rule/HTTPRoute/n/{name}/{index}"


def rule(name: str, *matches: Match, hosts: Iterable[str] = ("",), index: int = 0, **fields: object) -> Rule:
    return Rule(f"n/{name}", index, (Attachment(HTTP, tuple(hosts)),), matches or (Match(),), **fields)  # type: ignore[arg-type]


def entries(*rules: Rule, hostname: str = "") -> dict[str, Entry]:
    found: dict[str, Entry] = {HTTP: Listener("n/g", "http", 80, hostname=hostname)}
    return found | {key(one.route.partition("/")[2], one.index): one for one in rules}


def exact(path: str, **conditions: object) -> Match:
    return Match(PathMatch("Exact", path), **conditions)  # type: ignore[arg-type]


def prefix(path: str, **conditions: object) -> Match:
    return Match(PathMatch("PathPrefix", path), **conditions)  # type: ignore[arg-type]


def regex(path: str, **conditions: object) -> Match:
    return Match(PathMatch("RegularExpression", path), **conditions)  # type: ignore[arg-type]


def taken(
    table: Table,
    path: str = "/",
    host: str = "h",
    method: str = "GET",
    query: str | None = None,
    headers: Iterable[tuple[str, str]] = (),
) -> str | None:
    fields = [(name.encode(), value.encode()) for name, value in headers]
    asked = None if query is None else query.encode()
    found = table.match(80, method.encode(), host.encode(), path.encode(), asked, fields)
    return None if found is None else found[0].split("/")[3]


# --- Hosts ---


def test_the_most_specific_listener_alone_decides() -> None:
    found = entries(rule("wide", hosts=["a.x"]), hostname="*.x")
    found["listener/n/g/exact"] = Listener("n/g", "exact", 80, hostname="a.x")
    table = compile_table(found)
    assert taken(table, host="a.x") is None
    assert taken(table, host="b.x") is None
    del found["listener/n/g/exact"]
    assert taken(compile_table(found), host="a.x") == "wide"


def test_a_listener_of_another_port_is_another_table() -> None:
    table = compile_table(entries(rule("r")))
    assert table.match(80, b"GET", b"h", b"/", None, []) == (key("r"), 0)
    assert table.match(81, b"GET", b"h", b"/", None, []) is None


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("a.b.c", "exact"),
        ("x.b.c", "long"),
        ("y.x.b.c", "long"),
        ("b.c", "short"),
        ("x.c", "short"),
        ("c", "any"),
        ("xc", "any"),
        (".c", "any"),
        ("", "any"),
        ("[::1]", "any"),
    ],
)
def test_hostname_specificity(host: str, expected: str) -> None:
    table = compile_table(
        entries(
            rule("exact", hosts=["a.b.c"]), rule("long", hosts=["*.b.c"]), rule("short", hosts=["*.c"]), rule("any")
        )
    )
    assert taken(table, host=host) == expected


def test_a_less_specific_hostname_serves_what_the_more_specific_does_not() -> None:
    table = compile_table(
        entries(rule("exact", prefix("/e"), hosts=["a.b"]), rule("wild", prefix("/w"), hosts=["*.b"]), rule("any"))
    )
    assert [taken(table, path, "a.b") for path in ("/e", "/w", "/")] == ["exact", "wild", "any"]


@pytest.mark.parametrize("labels", [1, 2, 62, 63, 64, 100])
def test_wildcards_of_any_depth(labels: int) -> None:
    suffix = ".".join("a" * labels)
    table = compile_table(entries(rule("r", hosts=["*." + suffix])))
    assert taken(table, host="x." + suffix) == "r"
    assert taken(table, host="y.x." + suffix) == "r"
    assert taken(table, host=suffix) is None


# --- Paths ---


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v2", "exact"),
        ("/v2/", "prefix"),
        ("/v2/x", "prefix"),
        ("/v2example", "root"),
        ("/v3/x", "regex"),
        ("/v3/x/y", "root"),
        ("/V2", "root"),
        ("/", "root"),
    ],
)
def test_path_kinds(path: str, expected: str) -> None:
    table = compile_table(
        entries(
            rule("root", prefix("/")),
            rule("prefix", prefix("/v2")),
            rule("exact", exact("/v2")),
            rule("regex", regex("/v3/[a-z]")),
        )
    )
    assert taken(table, path) == expected


def test_a_trailing_slash_of_a_prefix_is_not_part_of_it() -> None:
    table = compile_table(entries(rule("r", prefix("/v2/"))))
    assert [taken(table, path) for path in ("/v2", "/v2/", "/v2/x", "/v2x")] == ["r", "r", "r", None]


def test_the_longer_expression_is_tried_first() -> None:
    table = compile_table(entries(rule("a", regex("/.*")), rule("b", regex("/b.*")), rule("c", regex("/b[a-z]"))))
    assert [taken(table, path) for path in ("/bx", "/bxx", "/a")] == ["c", "b", "a"]


def test_an_expression_takes_the_whole_path() -> None:
    table = compile_table(entries(rule("r", regex("/a|/b"))))
    assert [taken(table, path) for path in ("/a", "/b", "/ab", "/a/b", "/b/a")] == ["r", "r", None, None, None]


@pytest.mark.parametrize("path", ["*", "", "a", "http://h/"])
def test_what_is_no_path_is_not_matched(path: str) -> None:
    assert taken(compile_table(entries(rule("any"), rule("regex", regex(".*")))), path) is None


@pytest.mark.parametrize("depth", [1, 31, 32, 33, 62, 63, 64, 65, 200])
def test_prefixes_at_every_depth_of_a_path(depth: int) -> None:
    """More prefixes than are kept at once, and deeper ones than the depth mask tells apart."""
    found = entries(*(rule(f"d{n}", prefix("/a" * n or "/")) for n in range(depth + 1)))
    table = compile_table(found)
    for n in range(depth + 1):
        assert taken(table, "/a" * n + "/b") == f"d{n}"
    # The deepest do not hold, so the walk has to come back over all of them.
    for n in range(1, depth + 1):
        found[key(f"d{n}")] = rule(f"d{n}", prefix("/a" * n, method="POST"))
    table = compile_table(found)
    assert taken(table, "/a" * depth) == "d0"
    assert taken(table, "/a" * depth, method="POST") == f"d{depth}"


def test_a_long_path_past_the_deepest_prefix() -> None:
    table = compile_table(entries(rule("r", prefix("/a/b"))))
    assert taken(table, "/a/b" + "/c" * 4000) == "r"
    assert taken(table, "/x" * 8000) is None


# --- Precedence among candidates of one path ---


def test_conditions_rank_in_the_order_of_the_specification() -> None:
    one, two = (FieldMatch("x", "1"), FieldMatch("y", "1"))
    query = (FieldMatch("q", "1"), FieldMatch("r", "1"))
    ranked = [
        prefix("/", method="GET"),
        prefix("/", headers=(one, two)),
        prefix("/", headers=(one,), queries=query),
        prefix("/", headers=(one,)),
        prefix("/", queries=query),
        prefix("/", queries=query[:1]),
        prefix("/"),
    ]
    for first in range(len(ranked)):
        # Names in the opposite order of rank: only rank can decide.
        table = compile_table(entries(*(rule(f"r{9 - n}", ranked[n]) for n in range(first, len(ranked)))))
        assert taken(table, query="q=1&r=1", headers=[("X", "1"), ("Y", "1")]) == f"r{9 - first}"


def test_age_then_name_then_rule_then_match() -> None:
    old, new = "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"
    assert taken(compile_table(entries(rule("a", created=new), rule("b", created=old)))) == "b"
    assert taken(compile_table(entries(rule("a"), rule("b", created=new)))) == "b"
    assert taken(compile_table(entries(rule("b"), rule("a")))) == "a"
    table = compile_table(entries(rule("a", index=1), rule("a", Match(), Match(), index=0)))
    assert table.match(80, b"GET", b"h", b"/", None, []) == (key("a", 0), 0)


def test_eleven_comes_after_two() -> None:
    table = compile_table(entries(rule("a", index=11), rule("a", index=2)))
    assert table.match(80, b"GET", b"h", b"/", None, []) == (key("a", 2), 0)


# --- Conditions ---


@pytest.mark.parametrize(
    ("sent", "held"),
    [
        ([("X-Role", "admin")], True),
        ([("x-role", "admin")], True),
        ([("X-Role", "Admin")], False),
        ([("X-Role", "admin2")], False),
        ([("X-Role", "admin"), ("x-role", "user")], False),
        ([("X-Role", "user"), ("X-Role", "admin")], False),
        ([("X_Role", "admin")], False),
        ([], False),
    ],
)
def test_header_condition(sent: list[tuple[str, str]], held) -> None:
    table = compile_table(entries(rule("r", prefix("/", headers=(FieldMatch("x-role", "admin"),)))))
    assert (taken(table, headers=sent) == "r") is held


def test_several_fields_are_one_list() -> None:
    table = compile_table(
        entries(
            rule("plain", prefix("/", headers=(FieldMatch("x", "a, b, "),))),
            rule("regex", prefix("/", headers=(FieldMatch("x", "b, .*", regex=True),))),
        )
    )
    assert taken(table, headers=[("x", "a"), ("z", "1"), ("X", "b"), ("x", "")]) == "plain"
    assert taken(table, headers=[("x", "a"), ("x", "b")]) is None
    assert taken(table, headers=[("x", "b"), ("x", "a")]) == "regex"


@pytest.mark.parametrize(
    ("query", "held"),
    [
        ("n=a b", True),
        ("n=a+b", True),
        ("n=a%20b", True),
        ("%6e=a%20b", True),
        ("m=1&n=a+b&n=other", True),
        ("n=other&n=a+b", False),
        ("N=a+b", False),
        ("n=a%2Bb", False),
        ("n=a%2", False),
        ("n=a", False),
        ("n", False),
        ("", False),
        (None, False),
        ("x=n=a+b", False),
        ("&".join(f"p{n}={n}" for n in range(2000)) + "&n=a+b", True),
    ],
)
def test_query_condition(query: str | None, held) -> None:
    table = compile_table(entries(rule("r", prefix("/", queries=(FieldMatch("n", "a b"),)))))
    assert (taken(table, query=query) == "r") is held


def test_an_escape_that_is_none_stands_for_itself() -> None:
    table = compile_table(entries(rule("r", prefix("/", queries=(FieldMatch("n", "%zz%2"),)))))
    assert taken(table, query="n=%zz%2") == "r"


def test_a_parameter_without_a_value_is_empty() -> None:
    table = compile_table(entries(rule("r", prefix("/", queries=(FieldMatch("n", ""),)))))
    assert [taken(table, query=query) for query in ("n", "n=", "&n&", "m")] == ["r", "r", "r", None]


@pytest.mark.parametrize("count", [31, 32, 33, 100])
def test_more_names_at_one_path_than_are_remembered(count: int) -> None:
    rules = [
        rule(
            f"r{n}",
            prefix(
                "/", headers=(FieldMatch("common", "1"), FieldMatch(f"x-{n}", "1")), queries=(FieldMatch("q", "1"),)
            ),
        )
        for n in range(count)
    ]
    table = compile_table(entries(*rules))
    for n in range(count):
        assert taken(table, query="q=1", headers=[("X-0", "2"), (f"X-{n}", "1"), ("Common", "1")]) == (
            f"r{n}" if n else None
        )


def test_an_expression_that_does_not_compile_takes_nothing() -> None:
    bad = (FieldMatch("x", "(", regex=True),)
    table = compile_table(
        entries(rule("h", prefix("/", headers=bad)), rule("q", prefix("/", queries=bad)), rule("p", regex("(")))
    )
    assert taken(table, query="x=(", headers=[("x", "(")]) is None


# --- From table to table ---


def chain(table: Table, old: dict[str, Entry], new: dict[str, Entry]) -> Table:
    changed = frozenset(one for one in {*old, *new} if old.get(one) != new.get(one))
    return compile_table(new, table.version + 1, table, changed)


def test_what_a_change_does_not_touch_is_shared() -> None:
    old = entries(*(rule(f"r{n}", prefix(f"/{n}"), backends=(WeightedBackend(f"b{n}"),)) for n in range(50)))
    old |= {f"b{n}": Backend(f"n/b{n}") for n in range(50)}
    new = old | {key("r7"): msgspec.structs.replace(old[key("r7")], request_timeout_ms=1)}
    first = compile_table(old)
    first.backends["b7"].bound = marker = object()
    second = chain(first, old, new)
    assert second.version == 1
    assert [one for one in first.rules if first.rules[one] is not second.rules[one]] == [key("r7")]
    assert second.backends is first.backends
    assert second.backends["b7"].bound is marker
    assert taken(first, "/7") == taken(second, "/7") == "r7"
    assert first.rules[key("r7")].request_timeout == 0
    assert second.rules[key("r7")].request_timeout == 1


def test_rules_follow_their_policy_backends_and_keys() -> None:
    def keys(value: bytes) -> CredentialSet:
        return CredentialSet("n/s", (Credential("alice", hashlib.sha256(value).digest()),))

    versions: list[dict[str, Entry]] = [
        entries(rule("r", policy="p", backends=(WeightedBackend("b"),)), rule("other", prefix("/o")))
    ]
    versions.append(versions[-1] | {"p": Policy(api_key=ApiKeyAuth("k"))})
    versions.append(versions[-1] | {"k": keys(b"one")})
    versions.append(versions[-1] | {"k": keys(b"two")})
    versions.append(versions[-1] | {"b": Backend("n/b")})
    versions.append({one: entry for one, entry in versions[-1].items() if one not in ("k", "b")})
    tables = [compile_table(versions[0])]
    for old, new in pairwise(versions):
        tables.append(chain(tables[-1], old, new))
    rules = [table.rule(80, b"GET", b"h", b"/", None, []) for table in tables]
    policies = [one.policy for one in rules if one and one.policy]
    assert [one.deny for one in policies] == [True, False, False, False, False, False]
    assert [one.keys.lookup(b"two") if one.keys else "" for one in policies] == ["", None, None, "alice", "alice", None]
    assert [one.weights for one in rules if one] == [(("", 1),)] * 4 + [(("b", 1),), (("", 1),)]
    assert len({id(table.rules[key("other")]) for table in tables}) == 1


def test_a_listener_that_comes_and_goes() -> None:
    old = entries(rule("r"))
    new = old | {"listener/n/g/exact": Listener("n/g", "exact", 80, hostname="h")}
    first = compile_table(old)
    second = chain(first, old, new)
    third = chain(second, new, old)
    assert [taken(table) for table in (first, second, third)] == ["r", None, "r"]
    assert second.rules is first.rules


def test_a_change_of_nothing_and_of_unknown_keys() -> None:
    old = entries(rule("r"))
    first = compile_table(old)
    second = compile_table(old, 5, first, frozenset({"rule/HTTPRoute/n/unknown/0", "no/such/kind"}))
    assert second.rules is first.rules
    assert taken(second) == "r"
    assert second.version == 5


def test_thousands_of_paths_and_hosts_come_and_go() -> None:
    """The index grows, and closes the gaps of what is removed."""
    before = alive()
    wanted = entries(
        *(rule(f"p{n}", exact(f"/{n}"), prefix(f"/x/{n}"), hosts=["h", f"h{n}", f"*.w{n}"]) for n in range(3000))
    )
    table = compile_table(wanted)
    gone = {key(f"p{n}") for n in range(3000) if n % 3}
    left = {one: entry for one, entry in wanted.items() if one not in gone}
    table = chain(table, wanted, left)
    for n in range(3000):
        expected = None if n % 3 else f"p{n}"
        assert taken(table, f"/{n}") == expected
        assert taken(table, f"/x/{n}/y") == expected
        assert taken(table, f"/{n}", host=f"h{n}") == expected
        assert taken(table, f"/{n}", host=f"a.b.w{n}") == expected
    assert alive() - before == 1 + 1 + 2 * 1000 + 2 * 1000 * 3
    table = chain(table, left, {HTTP: wanted[HTTP]})
    assert alive() - before == 1
    del table
    assert alive() == before


def test_a_rule_outlives_its_table() -> None:
    table = compile_table(entries(rule("r", backends=(WeightedBackend("b"),))) | {"b": Backend("n/b")})
    found = table.rule(80, b"GET", b"h", b"/", None, [])
    del table
    assert found is not None
    assert found.weights == (("b", 1),)
