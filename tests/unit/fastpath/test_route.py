"""Compiled policies, backends and rules: what is unusable answers with an error and lets nobody in."""

import hashlib

import pytest

from agw._fastpath.route import CompiledPolicy, CompiledRule
from agw._fastpath.table import compile_table
from agw.snapshot.model import (
    ApiKeyAuth,
    Attachment,
    Backend,
    Credential,
    CredentialSet,
    Endpoint,
    Entry,
    KeySource,
    Policy,
    Rule,
    Target,
    WeightedBackend,
)

RULE = "rule/HTTPRoute/n/r/0"
POLICY = "policy/HTTPRoute/n/r/0"
KEYS = "credentials/n/s"
CREDENTIALS = CredentialSet("n/s", (Credential("alice", hashlib.sha256(b"secret").digest()),))


def compiled(rule: Rule, **entries: Entry) -> CompiledRule:
    return compile_table({RULE: rule, **{key.replace("__", "/"): entry for key, entry in entries.items()}}).rules[RULE]


def policy_of(policy: Policy | None, credentials: CredentialSet | None = CREDENTIALS) -> CompiledPolicy:
    entries: dict[str, Entry] = {RULE: Rule("n/r", 0, (), policy=POLICY)}
    if policy is not None:
        entries[POLICY] = policy
    if credentials is not None:
        entries[KEYS] = credentials
    found = compile_table(entries).rules[RULE].policy
    assert found is not None
    return found


def test_a_rule_without_a_policy_has_none() -> None:
    assert compile_table({RULE: Rule("n/r", 0, ())}).rules[RULE].policy is None


def test_api_key_policy() -> None:
    auth = ApiKeyAuth(KEYS, mode="Optional", forward_credential=True, public_agent_card=True)
    policy = policy_of(Policy(api_key=auth))
    assert policy.has_auth
    assert policy.optional
    assert policy.forward_credential
    assert policy.public_card
    assert not policy.deny
    assert policy.keys is not None
    assert policy.keys.lookup(b"secret") == "alice"
    assert policy.key_sources == (("authorization", "Bearer"), ("x-api-key", ""))


def test_a_policy_without_api_keys_asks_for_none() -> None:
    policy = policy_of(Policy())
    assert not policy.has_auth
    assert not policy.deny
    assert policy.keys is None
    assert policy.key_sources == ()


def test_strict_is_the_default() -> None:
    policy = policy_of(Policy(api_key=ApiKeyAuth(KEYS)))
    assert not policy.optional
    assert not policy.forward_credential
    assert not policy.public_card


def test_a_missing_policy_denies() -> None:
    policy = policy_of(None)
    assert policy.deny
    assert policy.entry is None


def test_a_policy_that_denies_denies() -> None:
    assert policy_of(Policy(deny="the Secret is of another namespace")).deny


def test_a_missing_credential_set_lets_nobody_in() -> None:
    policy = policy_of(Policy(api_key=ApiKeyAuth(KEYS)), credentials=None)
    assert policy.has_auth
    assert policy.keys is not None
    assert policy.keys.size == 0
    assert policy.keys.lookup(b"secret") is None


@pytest.mark.parametrize(("count", "denied"), [(8, False), (9, True)])
def test_more_sources_than_can_be_held_deny(count: int, denied) -> None:
    sources = tuple(KeySource(f"x-key-{n}") for n in range(count))
    assert policy_of(Policy(api_key=ApiKeyAuth(KEYS, sources))).deny is denied


def test_source_headers_are_folded() -> None:
    policy = policy_of(Policy(api_key=ApiKeyAuth(KEYS, (KeySource("X-My-Key", "Token"),))))
    assert policy.key_sources == (("x-my-key", "Token"),)


def test_backend() -> None:
    targets = (
        Target("a", "agent.example", 9999, 3, (Endpoint("10.0.0.1", 9999), Endpoint("::1", 1))),
        Target("b", "other.example", 80, 0, dns=True),
    )
    backend = compile_table({"backend/Backend/n/b": Backend("n/b", protocol="A2A", targets=targets)}).backends[
        "backend/Backend/n/b"
    ]
    assert backend.key == "backend/Backend/n/b"
    assert backend.a2a
    assert backend.total_weight == 3
    assert backend.bound is None
    assert [(t.name, t.host, t.port, t.weight, t.dns, t.endpoints) for t in backend.targets] == [
        ("a", "agent.example", 9999, 3, False, (("10.0.0.1", 9999), ("::1", 1))),
        ("b", "other.example", 80, 0, True, ()),
    ]


def test_weights_and_errors_of_a_rule() -> None:
    rule = compiled(
        Rule(
            "n/r",
            0,
            (),
            backends=(
                WeightedBackend("b1", 3),
                WeightedBackend("missing", 2),
                WeightedBackend("b1", 4, "refused"),
                WeightedBackend("b2", 0),
            ),
            request_timeout_ms=1500,
            backend_timeout_ms=1 << 40,
        ),
        b1=Backend("n/b1"),
        b2=Backend("n/b2"),
    )
    assert rule.weights == (("b1", 3), ("", 2), ("", 4), ("b2", 0))
    assert [backend.key for backend in rule.backend_refs] == ["b1", "b2"]
    assert (rule.request_timeout, rule.backend_timeout) == (1500, 1 << 40)
    assert not rule.error


@pytest.mark.parametrize(
    ("rule", "policy", "head"),
    [
        (0, None, 0),
        (0, 0, 0),
        (9, None, 9),
        (9, 0, 9),
        (0, 5, 5),
        (9, 5, 5),
        (5, 9, 5),
        (5, 5, 5),
        (1 << 40, 1 << 41, 1 << 40),
    ],
)
def test_until_the_head_of_an_answer_the_shorter_time_counts(rule: int, policy: int | None, head: int) -> None:
    made = compiled(
        Rule("n/r", 0, (), policy="p", request_timeout_ms=rule),
        p=Policy(request_timeout_ms=policy, stream_idle_ms=7),
    )
    assert (made.request_timeout, made.head_timeout, made.stream_idle) == (rule, head, 7)


def test_a_rule_in_error_stays_in_the_table() -> None:
    rule = compiled(Rule("n/r", 0, (), error="an unsupported filter"))
    assert rule.error
    assert rule.weights == ()


def test_an_attachment_has_a_policy_of_its_own() -> None:
    rule = compiled(
        Rule(
            "n/r", 0, (Attachment("l1"), Attachment("l2", policy="p2")), policy="p1", backends=(WeightedBackend("b1"),)
        ),
        p1=Policy(("n/one",)),
        p2=Policy(("n/two",)),
        b1=Backend("n/b1"),
    )
    assert rule.variants is not None
    assert list(rule.variants) == ["p2"]
    variant = rule.variants["p2"]
    assert variant.key == rule.key
    assert variant.weights == rule.weights
    assert [one.policy.entry.refs for one in (rule, variant) if one.policy and one.policy.entry] == [
        ("n/one",),
        ("n/two",),
    ]
