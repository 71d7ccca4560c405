"""The assertion that matters most: every request of a client went through the gateway.

A client that was led past the gateway by a card gets all its answers, so nothing but counting notices.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.e2e.gateway import Gateway, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.people import Agent


class BypassError(AssertionError):
    """The agent saw other requests than the gateway passed on."""


@dataclass(slots=True)
class Passed:
    """What went through while the context lasted; filled at its end.

    requests: as the agent saw them. operations: how often the gateway was asked for each, as it has understood it.
    """

    requests: list[dict[str, Any]] = field(default_factory=list)
    at_gateway: int = 0
    operations: Counter[str] = field(default_factory=Counter)


@contextmanager
def all_through(front: Gateway, behind: Agent, *, refused: int = 0) -> Iterator[Passed]:
    """Hold that the agent sees what the gateway counts, less what the gateway refuses by itself."""
    seen, counted, asked = len(behind.requests()), front.requests(), front.operations()
    passed = Passed()
    yield passed
    passed.requests = behind.requests()[seen:]
    # An exchange is counted when it has ended at the gateway, a moment after its client has read the last byte.
    wait_until(lambda: front.total("agw_exchanges") == 0, "all exchanges have ended")
    passed.at_gateway = front.requests() - counted
    passed.operations = front.operations() - asked
    if passed.at_gateway != len(passed.requests) + refused:
        raise BypassError(f"{passed.at_gateway} at the gateway, {refused} refused, {len(passed.requests)} at the agent")
