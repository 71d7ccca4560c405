"""What a row of the wire's table is: the input that it names, in as many spellings as attacks have used, and what agw does.

A row is data. `Request` is one spelling of a request row; other kinds of cases (an agent's answer, a conversation) are
other frozen values with a player of their own, which `report.PLAYERS` names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class End(Enum):
    """What the client does after its last byte."""

    OPEN = "stays"
    FIN = "ends its side"
    SILENT = "stays without a word"


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as the agent must get it. None: whatever it is. has: fields with exactly these values, lacks: without."""

    target: bytes | None = None
    method: bytes | None = None
    host: bytes | None = None
    body: bytes = b""
    framing: str | None = None
    has: tuple[tuple[str, bytes], ...] = ()
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """Bytes from a client, and what must come of them however they are cut.

    answers: the statuses of the final answers, in order; closed: the connection ends after them; seen: the complete
    requests that reach the agent; heads: the answers have no bodies (HEAD).
    """

    name: str
    data: bytes
    answers: tuple[int, ...]
    closed: bool = False
    seen: tuple[Seen, ...] = ()
    end: End = End.OPEN
    heads: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table.

    needs: settings of the gateway that it is played with (`serving`'s arguments). hostname: of one more listener, which
    wants the key "foo": who sees its 401 has been routed by that name.
    """

    number: int
    title: str
    cases: tuple[Any, ...]
    needs: dict[str, Any] = field(default_factory=dict)
    hostname: str = ""


@dataclass(slots=True)
class Outcome:
    """What came of one case. feeds: ways in which it was fed.

    faults: what was not as the row says. violations: what reached the agent, or the client, and must never.
    divergences: ways of feeding that gave another result than the first.
    """

    row: int
    case: str
    feeds: int = 0
    faults: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    divergences: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """As the row says."""
        return not (self.faults or self.violations or self.divergences)

    def __str__(self) -> str:
        told = [*self.violations, *self.divergences, *self.faults]
        return f"row {self.row}, {self.case} ({self.feeds} feeds):\n  " + "\n  ".join(told[:6])


# --- the usual cases ------------------------------------------------------------------------------------------------


def named(data: bytes) -> str:
    """Name a case that has no name of its own."""
    text = repr(data)[2:-1]
    return text if len(text) <= 70 else f"{text[:50]}..{text[-12:]} ({len(data)} bytes)"


def refused(data: bytes, status: int = 400, name: str = "", end: End = End.OPEN) -> Request:
    """Answered with a status, then closed; nothing complete reaches the agent."""
    return Request(name or named(data), data, (status,), closed=True, end=end)


def taken(data: bytes, seen: Seen | None = None, name: str = "", *, closed: bool = False) -> Request:
    """Forwarded and answered."""
    return Request(name or named(data), data, (200,), closed=closed, seen=(seen or Seen(),))


def dropped(data: bytes, name: str = "", end: End = End.FIN) -> Request:
    """Closed without an answer; nothing complete reaches the agent."""
    return Request(name or named(data), data, (), closed=True, end=end)


def head(
    *lines: bytes, method: bytes = b"GET", target: bytes = b"/", version: bytes = b"HTTP/1.1", host: bytes | None = b"a"
) -> bytes:
    """A request head with these field lines behind its Host."""
    first = method + b" " + target + b" " + version
    return b"\r\n".join([first, *([b"Host: " + host] if host is not None else []), *lines, b"", b""])


def post(*lines: bytes, body: bytes = b"", **parts: Any) -> bytes:
    """A POST with these field lines and this body, whatever the lines say of it."""
    return head(*lines, **({"method": b"POST"} | parts)) + body
