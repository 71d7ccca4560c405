"""Who a data plane is: what the controller finds out about a token, and what it is told when it refuses one.

The TokenReview itself is made elsewhere and handed in as a coroutine; here is only what it answers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from agw.errors import AgwError, Fault
from agw.snapshot.stream import Parting


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose token it is. account: "namespace/name" of the ServiceAccount. pod: that it is bound to, "" where to none."""

    account: str
    pod: str = ""


class NotAuthenticated(AgwError):  # noqa: N818 - an answer, named as one
    """The token proves nothing here: it is unknown, has expired, or is for another audience. The text is for people."""

    fault = Fault.CONFIGURATION


class Parted(AgwError):  # noqa: N818 - a decision, named as one
    """The connection is to end with this Goodbye."""

    def __init__(self, reason: Parting, message: str) -> None:
        """Keep both."""
        super().__init__(message)
        self.reason = reason
        self.message = message


Authenticate: TypeAlias = Callable[[str], Awaitable[Identity]]
"""Token to identity. Raises NotAuthenticated; any other exception means that it could not be found out now."""


@dataclass(frozen=True, slots=True)
class Plane:
    """A connected data plane. version: in force in all of its workers, 0 while that is not known.

    refused, reason: the newest version that it could not use, and why; 0 and "" where it can use what it got.
    """

    gateway: str
    pod: str
    address: str
    release: str = ""
    version: int = 0
    refused: int = 0
    reason: str = ""

    @property
    def name(self) -> str:
        """What tells it from the others: its pod; its address where it has not said that."""
        return self.pod or self.address
