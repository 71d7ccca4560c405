"""The gateway's key in a card: both generations, joined to what the agent asks for."""

import pytest

from agw.a2a.card import KeyPlace
from tests.unit.a2a.cards import DUAL, KEYS, V03, V1, rewrite

OLD = {"type": "apiKey", "in": "header", "name": "X-API-Key"}
NEW = {"apiKeySecurityScheme": {"location": "header", "name": "X-API-Key"}}
OAUTH = {"type": "oauth2", "flows": {}}


@pytest.mark.parametrize("card", [V03, V1, DUAL, {}])
def test_an_agent_without_security_gets_ours_in_both_generations(card):
    new = rewrite(card, keys=KEYS)

    assert new["securitySchemes"] == {"gatewayApiKey": OLD | NEW}
    assert new["security"] == [{"gatewayApiKey": []}]
    assert new["securityRequirements"] == [{"schemes": {"gatewayApiKey": {"list": []}}}]
    assert list(new)[: len(card)] == list(card)


def test_without_keys_nothing_is_said():
    assert "security" not in rewrite(V03)


@pytest.mark.parametrize("empty", [None, [], {}])
def test_what_is_declared_empty_is_filled(empty):
    schemes = empty if empty is not None and not isinstance(empty, list) else None
    lists = empty if empty is not None and not isinstance(empty, dict) else None
    card = {"securitySchemes": schemes, "security": lists, "securityRequirements": lists}

    assert rewrite(card, keys=KEYS) == rewrite({}, keys=KEYS)


def test_every_alternative_of_the_agent_asks_for_our_key_as_well():
    card = {
        "securitySchemes": {"oauth": OAUTH},
        "security": [{"oauth": ["read"]}, {}],
        "securityRequirements": [{"schemes": {"oauth": {"list": ["read"]}}}, {}],
    }
    new = rewrite(card, keys=KEYS)

    assert new["securitySchemes"] == {"oauth": OAUTH, "gatewayApiKey": OLD | NEW}
    assert new["security"] == [{"oauth": ["read"], "gatewayApiKey": []}, {"gatewayApiKey": []}]
    assert new["securityRequirements"] == [
        {"schemes": {"oauth": {"list": ["read"]}, "gatewayApiKey": {"list": []}}},
        {"schemes": {"gatewayApiKey": {"list": []}}},
    ]


def test_the_list_of_one_generation_is_told_to_the_other():
    old = {"security": [{"oauth": ["read"]}]}
    new = {"securityRequirements": [{"schemes": {"oauth": {"list": ["read"]}}}]}

    assert rewrite(old, keys=KEYS)["securityRequirements"] == rewrite(new, keys=KEYS)["securityRequirements"]
    assert rewrite(old, keys=KEYS)["security"] == rewrite(new, keys=KEYS)["security"]


@pytest.mark.parametrize(
    "scheme",
    [
        OLD,
        NEW,
        OLD | NEW,
        {"apiKeySecurityScheme": {"location": "header", "name": "x-api-key", "description": "the key"}},
        {"api_key_security_scheme": {"location": "header", "name": "X-API-Key"}},
    ],
)
def test_a_scheme_that_says_the_same_is_used(scheme):
    new = rewrite({"securitySchemes": {"own": scheme}}, keys=KEYS)

    assert new["securitySchemes"] == {"own": scheme}
    assert new["security"] == [{"own": []}]


@pytest.mark.parametrize(
    "scheme",
    [{"type": "apiKey", "in": "query", "name": "X-API-Key"}, {"type": "http", "scheme": "bearer"}, "X-API-Key", None],
)
def test_a_scheme_that_says_something_else_keeps_its_name(scheme):
    new = rewrite({"securitySchemes": {"gatewayApiKey": scheme}}, keys=KEYS)

    assert new["securitySchemes"] == {"gatewayApiKey": scheme, "gatewayApiKey2": OLD | NEW}
    assert new["security"] == [{"gatewayApiKey2": []}]


def test_lists_of_single_skills_are_joined_and_none_is_started():
    card = {"skills": [{"id": "a", "security": [{"oauth": []}]}, {"id": "b", "security": []}, {"id": "c"}, 5]}
    new = rewrite(card, keys=KEYS)

    assert new["skills"] == [
        {"id": "a", "security": [{"oauth": [], "gatewayApiKey": []}]},
        {"id": "b", "security": []},
        {"id": "c"},
        5,
    ]


def test_bearer_alone_is_an_http_scheme():
    new = rewrite({}, keys=(KeyPlace("authorization", "Bearer"),))
    bearer = {"type": "http", "scheme": "Bearer", "httpAuthSecurityScheme": {"scheme": "Bearer"}}
    assert new["securitySchemes"] == {"gatewayApiKey": bearer}

    known = {"securitySchemes": {"own": {"type": "http", "scheme": "bearer"}}}
    assert rewrite(known, keys=(KeyPlace("authorization", "Bearer"),))["security"] == [{"own": []}]


def test_a_plain_header_of_another_name_is_told_as_it_is():
    assert rewrite({}, keys=(KeyPlace("x-team-key"),))["securitySchemes"]["gatewayApiKey"]["name"] == "x-team-key"


def test_what_cannot_be_said_is_not_said():
    assert rewrite({}, keys=(KeyPlace("x-token", "Token"),)) is None


def test_what_nobody_can_read_is_left_alone():
    card = {"security": "yes", "securityRequirements": 3, "securitySchemes": []}
    assert rewrite(card, keys=KEYS) is None
