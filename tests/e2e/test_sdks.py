"""Every official SDK as client against every official SDK as agent, in each HTTP binding, all operations, with keys on.

Each pair has the same conversation directly and through the gateway, and must fare the same: what the client was told, what
it sent and how that was answered, what the agent received. What a pair cannot do although nothing is between is explained
by a note of docs/clients.md, whose table is what was measured (`--update-golden` writes it).
"""

import json
import re
from itertools import product

import pytest

from tests.e2e import matrix
from tests.e2e.counting import all_through
from tests.e2e.environments import GENERATIONS, HERE, JAVASCRIPT
from tests.e2e.gateway import BAR, FOO
from tests.e2e.matrix import BINDINGS, GRPC, PAGE, REFUSED
from tests.e2e.people import AGENTS, CLIENTS

EVERY = list(product(AGENTS, CLIENTS, BINDINGS))
A2A_FIELDS = ("a2a-version", "a2a-extensions", "x-a2a-extensions")


def key_of(server, client, binding):
    """How a client sends a key: by the card where its SDK reads it from there, else as users of the SDK do it.

    JavaScript has nothing that reads it; interceptors of Python 0.3 do nothing in HTTP+JSON; and of what the extended card says
    of keys in HTTP+JSON of 0.3, Python 1 understands nothing, whoever has written it.
    """
    speaks_0_3 = client == "0.3" or server in {"0.3", "js-0.3"}
    if client.startswith("js-") or (binding == "HTTP+JSON" and speaks_0_3):
        return ("api-key", BAR)
    return ("by-card", FOO)


def bindings_in(result):
    """The bindings that a client finds in both cards."""
    cards = [result["said"][label] for label in ("card", "extended card")]
    return {binding for card in cards for binding, _ in card["interfaces"]}


def says_401(told):
    """Whether an error of an SDK tells the status, in its text or in the field that it has for it."""
    return told.get("status") == 401 or bool(re.search(r"\b401\b", told["text"]))


@pytest.mark.parametrize(
    "pair", EVERY, ids="-".join, scope="class"
)  # in this order: what an agent needs is started once
class TestPair:
    def test_a_pair_fares_through_the_gateway_as_it_does_without(self, scene, update_golden, pair):
        server, client, binding = pair
        behind, front = scene.pair(server)
        asked = {"key": key_of(*pair), "ack": f"{behind.url}/-/ack/", "binding": binding}

        before = len(behind.requests())
        direct = scene.client(client).converse(behind.url, *matrix.conversation(f"{client}-{binding}-direct"), **asked)
        received = behind.requests()[before:]
        with all_through(front, behind) as passed:
            through = scene.client(client).converse(
                front.url, *matrix.conversation(f"{client}-{binding}-through"), **asked
            )

        assert matrix.fared(through, front.url) == matrix.fared(direct, behind.url)
        assert matrix.exchanges(through, front.url) == matrix.exchanges(direct, behind.url)
        assert matrix.at_agent(passed.requests) == matrix.at_agent(received)
        assert matrix.operations(through) == passed.operations
        assert len(through["sent"]) == passed.at_gateway == len(received)
        for sent, seen in zip(through["sent"], passed.requests, strict=True):
            assert sent["url"].startswith(f"{front.url}/")
            assert {name: seen["fields"][name] for name in A2A_FIELDS if name in seen["fields"]} == sent["fields"]
            assert {"authorization", "x-api-key"}.isdisjoint(seen["fields"])
        if direct["error"] is None:
            assert GRPC in bindings_in(direct)
            assert GRPC not in bindings_in(through)

        row = matrix.row(*pair, direct)
        if update_golden:
            matrix.write(row)
        assert row in PAGE.read_text().splitlines()

    def test_without_a_key_a_client_is_told_so_in_its_own_words(self, scene, pair):
        server, client, binding = pair
        behind, front = scene.pair(server)
        one = scene.client(client)
        talks = one.converse(behind.url, binding=binding)["error"] is None

        with all_through(front, behind, refused=1) as passed:
            nothing = one.converse(front.url, *REFUSED, binding=binding)
        assert passed.requests == []
        assert says_401(nothing["error"])

        with all_through(front, behind, refused=len(REFUSED) if talks else 0) as passed:
            half = one.converse(front.url, *REFUSED, key=("card-only", FOO), binding=binding)
        assert [request["method"] for request in passed.requests] == ["GET"]
        assert (half["error"] is None) == talks
        assert [told for told in half["said"].values() if not says_401(told)] == []


def test_the_page_names_the_versions_that_are_measured():
    asked = [(HERE / f"requirements-a2a-{generation}.txt").read_text() for generation in GENERATIONS]
    versions = [re.search(r"^a2a-sdk\[.*\]==(.+)$", text, re.MULTILINE)[1] for text in asked]
    packages = json.loads((JAVASCRIPT / "package.json").read_text())["dependencies"]
    named = [f"`a2a-sdk` {version}" for version in versions]
    named += [f"`@a2a-js/sdk` {packages[name].rpartition('@')[2]}" for name in ("a2a-0.3", "a2a-1")]
    page = PAGE.read_text()
    assert [name for name in named if f"| {name} |" not in page] == []


def test_the_page_has_a_line_for_each_pair_and_explains_what_cannot_be_done():
    page = PAGE.read_text()
    assert matrix.keys() == [matrix.key(*pair) for pair in EVERY]
    for number, (_, text) in enumerate(matrix.NOTES, 1):
        assert f"{number}. {text}\n" in page
