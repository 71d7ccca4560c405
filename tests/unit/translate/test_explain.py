"""Explanations: the winner is the compiled table's, and the words say what is so."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agw.errors import Reason
from agw.resources.load import load
from agw.translate import paths, translate
from agw.translate.explain import explain, listener_ports, parse
from agw.translate.precedence import Request, candidates, listener_for, refusal
from tests.unit.translate.worlds import resources, worlds

GOLDEN = Path(__file__).parents[2] / "golden" / "translate"
FIELDS = st.tuples(st.sampled_from(["x-a", "x-b"]), st.sampled_from(["1", "2", "3", "1, 2"]))
REQUESTS = st.builds(
    Request,
    method=st.sampled_from(["GET", "POST", "PUT"]),
    host=st.sampled_from(["x.io", "a.x.io", "b.a.x.io", "y.io", "", "z"]),
    path=st.sampled_from(["/", "/a", "/a/", "/a/b", "/a/b/c", "/ab", "/abc", "/b"]),
    query=st.sampled_from(["", "q=1", "q=a+b&r=1", "q=a%20b", "q=2&q=1", "r=12&q", "%71=1", "q=%zz"]),
    headers=st.lists(FIELDS, max_size=3).map(tuple),
    port=st.sampled_from([80, 81]),
)


@settings(max_examples=150, deadline=None)
@given(world=worlds(), requests=st.lists(REQUESTS, min_size=1, max_size=8))
def test_the_winner_is_the_compiled_tables(world, requests):
    table = pytest.importorskip("agw._fastpath.table")
    for entries in translate(resources(world)).snapshots.values():
        compiled = table.compile_table(entries)
        for request in requests:
            listener = listener_for(entries, request)
            ordered = candidates(entries, listener[0]) if listener else []
            winner = next((item for item in ordered if not refusal(item, request)), None)
            expected = None if winner is None else (winner.key, winner.match)
            headers = [(name.encode(), value.encode()) for name, value in request.headers]
            found = compiled.match(
                request.port,
                request.method.encode(),
                request.host.encode(),
                request.path.encode(),
                request.query.encode(),
                headers,
            )
            assert found == expected


@settings(max_examples=100, deadline=None)
@given(world=worlds(), request=REQUESTS)
def test_every_request_has_an_explanation(world, request):
    translation = translate(resources(world))
    found = explain(translation, request)
    assert found.status in {0, 302, 401, 404, 500, 503}
    assert bool(found.status) == bool(found.why)
    assert all(loser.reason for loser in found.losers)


@given(path=st.text("/.%2Ff5cAa0z~é ?", max_size=12))
def test_paths_are_normalised_as_those_of_requests(path):
    fields = pytest.importorskip("agw._fastpath.fields")
    try:
        mine = paths.normalise(path)
    except ValueError:
        mine = None
    if all(33 <= ord(character) < 127 and character != "?" for character in path):
        theirs = fields.normalised_path(path.encode())
        assert mine == (None if theirs is None else theirs.decode())


def ask(case, method, url, *headers):
    translation = translate(load([GOLDEN / f"{case}.in.yaml"]).resources)
    return explain(translation, *parse(method, url, headers, listener_ports(translation)))


def test_the_seed_without_a_key():
    found = ask("seed", "POST", "http://127.0.0.1:8080/")
    assert (found.status, found.reason) == (401, Reason.UNAUTHENTICATED)
    assert found.why == "no API key in authorization: Bearer KEY or x-api-key"
    assert found.rule.route == "default/route-for-a2a-backend"
    assert [(origin.field, origin.policy) for origin in found.origins] == [
        ("authentication", "default/test-a2a-apikey-auth")
    ]
    assert "port 8080 is where listener port 80 is served" in found.notes[0]


@pytest.mark.parametrize(
    ("header", "consumer"),
    [
        (("Authorization", "Bearer key-value-foo"), "key1"),
        (("authorization", "bearer  key-value-foo"), "key1"),
        (("X-API-Key", "key-value-bar"), "key2"),
    ],
)
def test_the_seed_with_a_key(header, consumer):
    found = ask("seed", "POST", "http://127.0.0.1/", header)
    assert found.consumer == consumer
    assert (found.status, found.reason) == (503, Reason.NO_ENDPOINT)
    assert found.backends[0].targets[0].host == "demo-a2a-agent-server"


@pytest.mark.parametrize(
    "headers",
    [
        [("Authorization", "Bearer nobodys-key")],
        [("Authorization", "Basic key-value-foo")],
        [("Authorization", "Bearer")],
        [("Authorization", "Bearer key-value-foo"), ("X-API-Key", "key-value-foo")],
        [("X-API-Key", "")],
    ],
)
def test_other_keys_are_refused_and_never_shown(headers):
    found = ask("seed", "POST", "http://127.0.0.1/", *headers)
    assert found.status == 401
    assert "key-value" not in found.why
    assert "nobodys-key" not in found.why


def test_losers_say_why():
    found = ask("route-matches", "GET", "http://h/prefixed", ("X-Version", "1"))
    assert found.status == 404
    reasons = {loser.part: loser.reason for loser in found.losers}
    assert reasons["$.spec.rules[0].matches[0]"] == "path is not exactly /exact/"
    assert reasons["$.spec.rules[0].matches[1]"] == "path does not begin with the segments /prefix"
    assert reasons["$.spec.rules[0].matches[2]"] == "method is not POST"
    assert reasons["$.spec.rules[0].matches[3]"] == "path does not match the expression /v[0-9]+/.*"
    assert reasons["$.spec.rules[1].matches[0]"] == "header x-region is missing"


def test_a_loser_that_matches_too_is_told_what_goes_before_it():
    found = ask("route-filters-unserved", "GET", "http://h/c/d")
    assert (found.status, found.reason) == (500, Reason.INVALID_BACKEND)
    assert found.why == "sessionPersistence is not served yet"
    reasons = {loser.part: loser.reason for loser in found.losers}
    assert reasons["$.spec.rules[6].matches[0]"] == (
        "it matches too, but rules[2] of HTTPRoute default/r goes first: its path is longer"
    )


def test_listeners_that_do_not_take_it_are_losers_too():
    found = ask("route-hostnames", "GET", "http://a.example.com/")
    assert found.listener.name == "wild"
    reasons = {loser.part: loser.reason for loser in found.losers if loser.object.kind == "Gateway"}
    assert reasons["listener any"] == "another listener's hostname is more specific"
    assert reasons["listener exact"] == "host a.example.com is not very.specific.com"


@pytest.mark.parametrize(
    ("url", "header", "status"),
    [
        ("http://h/query?key=alice%2Dkey", None, 0),
        ("http://h/query?a=1&key=wrong", None, 401),
        ("http://h/query?key=alice-key", ("X-API-Key", "bob-key"), 401),
        ("http://h/cookie", ("Cookie", 'a=1; key="bob-key"'), 0),
        ("http://h/cookie?key=bob-key", None, 401),
    ],
)
def test_keys_in_queries_and_cookies(url, header, status):
    assert ask("policy-key-places", "GET", url, *([header] if header else [])).status == status


@pytest.mark.parametrize(
    ("path", "header", "status"),
    [
        ("overlap", ("Authorization", "Bearer alice-key"), 401),
        ("overlap", ("Authorization", "alice-key"), 0),
        ("dropped", ("api_key", "alice-key"), 401),
    ],
)
def test_keys_where_nobody_gets_in_by_one(path, header, status):
    assert ask("policy-key-overlap", "GET", f"http://h/{path}", header).status == status


def test_the_policy_of_the_listener_counts():
    assert ask("policy-listener-only", "GET", "http://h:80/").status == 0
    assert ask("policy-listener-only", "GET", "http://h:81/").status == 401


@pytest.mark.parametrize(
    ("url", "host", "path", "port"),
    [
        ("http://Agents.Example.com./x/../y?q=1", "agents.example.com", "/y", 80),
        ("agents.example.com:8080", "agents.example.com", "/", 80),
        ("http://[::1]:80/a%7e", "[::1]", "/a~", 80),
        ("http://u:p@h/", "h", "/", 80),
    ],
)
def test_what_is_typed_is_read_as_a_gateway_would(url, host, path, port):
    request, _ = parse("GET", url, (), frozenset({80, 443}))
    assert (request.host, request.path, request.port) == (host, path, port)


@pytest.mark.parametrize("url", ["http://h/%zz", "http://h/../..", "http://h/a%2fb", "ftp://h/", "http://h:port/"])
def test_what_is_no_request_is_refused(url):
    with pytest.raises(ValueError):  # noqa: PT011 - which rule is broken is tested where the rule is
        parse("GET", url, (), frozenset({80}))


def test_a_host_header_goes_before_the_url():
    request, _ = parse("GET", "http://127.0.0.1/", (("Host", "agents.example.com:80"),), frozenset({80}))
    assert request.host == "agents.example.com"


@pytest.mark.parametrize(
    ("path", "key", "status", "says"),
    [
        ("/inherits", "alice-key", 0, "alice may "),
        ("/own", "alice-key", 0, "alice may GetAgentCard, SendMessage"),
        ("/own", "bob-key", 403, "bob may nothing"),
        ("/own/.well-known/agent-card.json", "bob-key", 403, "bob may nothing"),
    ],
)
def test_authorization_says_what_a_consumer_may_do(path, key, status, says):
    found = ask("policy-authorization", "GET", f"http://h{path}", ("X-API-Key", key))
    assert found.status in {status, 503}
    assert (found.reason is Reason.FORBIDDEN) == (status == 403)
    [origin] = [origin for origin in found.origins if origin.field == "authorization"]
    assert origin.says.startswith(says)
    assert "CancelTask" not in origin.says


def test_rate_limits_are_said_in_words():
    found = ask("policy-limits", "GET", "http://h/inherits", ("X-API-Key", "alice-key"))
    assert (found.status, found.consumer) == (0, "alice")
    assert [origin.says for origin in found.origins if origin.field == "rateLimit"] == [
        "at most 600 a minute per consumer (50 at once); at most 5 a second per client: SendMessage, SendStreamingMessage"
    ]


@pytest.mark.parametrize(("case", "affinity"), [("backend-fields", "Task"), ("seed", "None")])
def test_whether_tasks_stay_with_their_endpoint(case, affinity):
    [share] = ask(case, "POST", "http://h/").backends
    assert share.affinity == affinity


@pytest.mark.parametrize(
    ("path", "origins"),
    [
        (
            "/inherits",
            [
                ("timeouts.request", "default/all", "30 s to the head of the agent's answer, then 504"),
                ("timeouts.streamIdle", "default/all", "300 s of silence on an event stream, then it is cut"),
            ],
        ),
        (
            "/own",
            [
                ("timeouts.request", "default/own", "90 s to the head of the agent's answer, then 504"),
                ("timeouts.streamIdle", "default/own-too", "0.5 s of silence on an event stream, then it is cut"),
            ],
        ),
        (
            "/own/rule",
            [
                ("timeouts.request", "default/own", "90 s to the head of the agent's answer, then 504"),
                ("timeouts.streamIdle", "default/slow", "no limit"),
            ],
        ),
        (
            "/without",
            [
                ("timeouts.request", "default/without", "no limit"),
                ("timeouts.streamIdle", "default/without", "no limit"),
            ],
        ),
    ],
)
def test_timeouts_say_where_each_is_from(path, origins):
    found = ask("policy-timeouts", "POST", f"http://h{path}")
    assert [(origin.field, origin.policy, origin.says) for origin in found.origins] == origins
