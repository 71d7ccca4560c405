"""One way to report what is wrong, and one exception tree for what went wrong.

A `Problem` is a value: decode, translation, statuses, logs, `agw check`, `agw explain` and the admin port all report
with it, so that a message looks the same wherever a user meets it. An `AgwError` is an exception: it is raised where
work cannot go on, and carries what, whose fault, whether a retry helps and which status a client sees.

This module imports nothing of agw and nothing heavy: `agw --help` loads it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, IntEnum


class Severity(Enum):
    """How much a problem costs: an error refuses the object or field, a warning does not."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a file; line and column count from 1, as editors do. 0 where unknown."""

    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """`file:line:column`, leaving out what is unknown."""
        if not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a person should know about their configuration.

    code: stable, `AGW1xxx` decoding, `AGW2xxx` translation, `AGW3xxx` running.
    object: `Kind namespace/name`, empty where the document has no identity yet.
    document: number of the YAML document in its file, from 1; 0 where unknown.
    path: JSON path of the field, `$.spec.rules[0].backendRefs[0].name`.
    hint: what to do about it, empty where there is nothing certain to say.
    """

    code: str
    message: str
    severity: Severity = Severity.ERROR
    object: str = ""
    document: int = 0
    path: str = ""
    position: Position = Position()
    hint: str = ""

    def at(self, position: Position) -> Problem:
        """The same problem at another position."""
        return replace(self, position=position)

    def __str__(self) -> str:
        """One line: `file:line:col: error AGW1042: HTTPRoute default/x $.spec: message (hint)`."""
        place = f"{self.position}: " if self.position.file else ""
        subject = " ".join(part for part in (self.object, self.path) if part)
        tail = f" ({self.hint})" if self.hint else ""
        return f"{place}{self.severity.value} {self.code}: {subject + ': ' if subject else ''}{self.message}{tail}"


class Fault(Enum):
    """Whose side an error lies on."""

    DOWNSTREAM = "downstream"
    UPSTREAM = "upstream"
    INTERNAL = "internal"
    CONFIGURATION = "configuration"


class AgwError(Exception):
    """Base of all errors that agw raises; third-party exceptions are converted to one at a single edge."""

    fault = Fault.INTERNAL
    retry = False
    status = 500


class ConfigurationError(AgwError):
    """The configuration as a whole cannot be used; carries every problem found."""

    fault = Fault.CONFIGURATION

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        """Keep the problems; the text is their lines."""
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class Reason(IntEnum):
    """Why an exchange ended as it did: the one enum that metrics, the access log and error bodies share.

    `agw/_fastpath/record.pxd` declares the same numbers for C; a test in tests/house holds them together.
    """

    UPSTREAM = 0  # the agent answered
    BAD_REQUEST = 1  # the request broke a rule of RFC 9112 or 9110: 400
    NOT_FOUND = 2  # no listener hostname or route matches: 404
    UNAUTHENTICATED = 3  # no key, a wrong one or more than one: 401
    INVALID_BACKEND = 4  # the matched rule's backend is missing, refused or of an unknown kind: 500
    NO_ENDPOINT = 5  # the backend has no endpoint now: 503
    CONNECT_FAILED = 6  # connecting to the endpoint failed: 503
    UPSTREAM_INVALID = 7  # the agent's answer broke a rule: 502
    UPSTREAM_CLOSED = 8  # the agent closed before or in the middle of its answer: 502, or an aborted stream
    UPSTREAM_TIMEOUT = 9  # no answer in time: 504
    CLIENT_CLOSED = 10  # the client went away
    REQUEST_TIMEOUT = 11  # head or body did not arrive in time: 408
    TOO_LARGE = 12  # body over the limit: 413
    HEAD_TOO_LARGE = 13  # 431 or 414
    METHOD_REFUSED = 14  # CONNECT, TRACE: 405
    NOT_IMPLEMENTED = 15  # an unknown transfer coding: 501
    VERSION_REFUSED = 16  # an HTTP major version that is not spoken here: 505
    EXPECTATION_FAILED = 17  # 417
    DRAINED = 18  # the drain deadline cut it
    INTERNAL = 19  # a fault of agw's own: 500
    LOCAL = 20  # answered by agw on purpose (OPTIONS *, 304 on a card)
    LOOP = 21  # our own Via came back: 508
    POLICY_INVALID = 22  # a policy that applies cannot be used, so nobody gets in: 500
