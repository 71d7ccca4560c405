"""Authorization by consumer and operation: the first rule that matches, else a refusal; and closed where nothing is known."""

import pytest

from agw._fastpath.grants import grants
from agw.snapshot.model import AuthorizationRule


def rule(action, consumers=(), operations=()):
    return AuthorizationRule(action, tuple(consumers), tuple(operations))


def test_no_rule_allows_nothing():
    assert not grants([]).permits("alice", "SendMessage")


def test_the_first_rule_that_matches_decides():
    rules = grants([rule("Deny", ["bob"]), rule("Allow", [], ["SendMessage"]), rule("Allow", ["alice"])])
    assert rules.permits("alice", "SendMessage")
    assert rules.permits("alice", "CancelTask")
    assert rules.permits("carol", "SendMessage")
    assert not rules.permits("carol", "CancelTask")
    assert not rules.permits("bob", "SendMessage")
    assert rules.permits(None, "SendMessage")
    assert not rules.permits(None, "")


def test_what_nobody_can_say_is_refused_where_rules_tell_operations_apart():
    assert grants([rule("Allow")]).permits("alice", "", known=False)
    assert not grants([rule("Deny", [], ["CancelTask"]), rule("Allow")]).permits("alice", "", known=False)


def test_a_deny_of_operations_takes_what_is_none_too():
    rules = grants([rule("Deny", ["bob"], ["CancelTask"]), rule("Allow")])
    assert not rules.permits("bob", "")
    assert rules.permits("bob", "SendMessage")
    assert rules.permits("alice", "")


@pytest.mark.parametrize("bad", [rule("Maybe"), rule("Allow", [], ["Send"])])
def test_what_is_not_known_here_is_an_error(bad):
    with pytest.raises(ValueError, match=r"."):
        grants([bad])
