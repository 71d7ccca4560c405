"""What authorization allows, in words and for `agw explain`: the compiled Grants decide the same at run time.

Rules: the first rule that matches decides, and no match is a refusal.
"""

from __future__ import annotations

from collections.abc import Iterable

from agw.a2a.operations import OPERATIONS
from agw.snapshot.model import AuthorizationRule


def allows(rules: Iterable[AuthorizationRule], consumer: str, operation: str) -> bool:
    """Whether a consumer ("" for nobody) may ask for an operation ("" for what is none)."""
    for rule in rules:
        if rule.operations and operation not in rule.operations and (operation or rule.action == "Allow"):
            continue
        if rule.consumers and consumer not in rule.consumers:
            continue
        return rule.action == "Allow"
    return False


def in_words(rules: tuple[AuthorizationRule, ...], consumer: str) -> str:
    """What a consumer may do, as `may SendMessage, GetTask`."""
    allowed = [name or "anything else" for name in (*OPERATIONS[1:], "") if allows(rules, consumer, name)]
    if len(allowed) == len(OPERATIONS):
        return "may anything"
    return f"may {', '.join(allowed)}" if allowed else "may nothing"
