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

    `EXPLANATIONS` says what each means. `agw/_fastpath/record.pxd` declares the same numbers for C; a test in tests/house
    holds them together. Numbers are never given anew: they are in records that outlive a process.
    """

    UPSTREAM = 0
    BAD_REQUEST = 1
    NOT_FOUND = 2
    UNAUTHENTICATED = 3
    INVALID_BACKEND = 4
    NO_ENDPOINT = 5
    CONNECT_FAILED = 6
    UPSTREAM_INVALID = 7
    UPSTREAM_CLOSED = 8
    UPSTREAM_TIMEOUT = 9
    CLIENT_CLOSED = 10
    REQUEST_TIMEOUT = 11
    TOO_LARGE = 12
    HEAD_TOO_LARGE = 13
    METHOD_REFUSED = 14
    NOT_IMPLEMENTED = 15
    VERSION_REFUSED = 16
    EXPECTATION_FAILED = 17
    DRAINED = 18
    INTERNAL = 19
    LOCAL = 20
    LOOP = 21
    POLICY_INVALID = 22
    CLIENT_STALLED = 23
    OVERLOADED = 24
    FORBIDDEN = 25
    RATE_LIMITED = 26
    CARD_REFUSED = 27
    STREAM_IDLE = 28
    TOO_MANY_STREAMS = 29

    @property
    def word(self) -> str:
        """As metrics and the access log have it; error bodies have it in capitals, as google.rpc.ErrorInfo asks."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a reason means.

    statuses: of the answer, the usual one first; none where there is no answer or any status of the agent's.
    code: google.rpc.Code of the answer's body, empty where the answer is not agw's own.
    message: the sentence of that body; nothing in it comes from the request.
    meaning, advice: for the person who reads the log.
    """

    statuses: tuple[int, ...]
    code: str
    message: str
    meaning: str
    advice: str


EXPLANATIONS: dict[Reason, Explanation] = {
    Reason.UPSTREAM: Explanation((), "", "", "The agent answered, with whatever status.", "Nothing."),
    Reason.BAD_REQUEST: Explanation(
        (400,),
        "INVALID_ARGUMENT",
        "the request breaks a rule of HTTP",
        "The request breaks a rule of RFC 9112 or RFC 9110, so that it could be read in two ways.",
        "Mend the client: two `Host` fields, a bare newline and a space before a colon are the commonest.",
    ),
    Reason.NOT_FOUND: Explanation(
        (404,),
        "NOT_FOUND",
        "no route of this gateway matches the request",
        "No listener's hostname or no route's match takes the request.",
        "`agw explain -f PATH METHOD URL` says what was compared.",
    ),
    Reason.UNAUTHENTICATED: Explanation(
        (401,),
        "UNAUTHENTICATED",
        "a valid API key is required",
        "There was no key, a wrong one, or more than one.",
        "Compare the client's key with the Secret; `agw check` says how many keys are usable.",
    ),
    Reason.INVALID_BACKEND: Explanation(
        (500,),
        "INTERNAL",
        "the route's backend is missing, refused or not supported",
        "The matched rule's backend is missing, refused or of an unknown kind.",
        "`agw check`: `ResolvedRefs` of the route.",
    ),
    Reason.NO_ENDPOINT: Explanation(
        (503,),
        "UNAVAILABLE",
        "the agent has no endpoint at the moment",
        "The backend has no endpoint now: its Service has no ready pod, or its name has no address.",
        "Start the agent; `/readyz?verbose` lists names that cannot be resolved.",
    ),
    Reason.CONNECT_FAILED: Explanation(
        (503,),
        "UNAVAILABLE",
        "the agent cannot be reached",
        "Connecting failed, at a second endpoint too where there is one.",
        "Is the agent up, and does it listen on the address in `endpoint` of the access log?",
    ),
    Reason.UPSTREAM_INVALID: Explanation(
        (502,),
        "UNAVAILABLE",
        "the agent's answer breaks a rule of HTTP",
        "The agent's answer breaks a rule of RFC 9112.",
        "The agent's log.",
    ),
    Reason.UPSTREAM_CLOSED: Explanation(
        (502, 503),
        "UNAVAILABLE",
        "the agent closed the connection before it answered",
        "The agent closed before its answer, or in the middle of it: then the client's connection is reset. 503 where the "
        "rule has a `retry`, which was of no use.",
        "The agent's log: it crashed, was restarted, or closes idle connections sooner than `--upstream-idle`.",
    ),
    Reason.UPSTREAM_TIMEOUT: Explanation(
        (504,),
        "DEADLINE_EXCEEDED",
        "the agent did not answer in time",
        "No answer within the route's timeouts or `--response-header-timeout`.",
        "Raise them where the agent needs longer; blocking sends take minutes.",
    ),
    Reason.CLIENT_CLOSED: Explanation(
        (499,),
        "",
        "",
        "The client went away before its answer was complete. Nobody sees the status.",
        "The client's own timeout is the commonest cause.",
    ),
    Reason.REQUEST_TIMEOUT: Explanation(
        (408,),
        "DEADLINE_EXCEEDED",
        "the request did not arrive in time",
        "The head or the body did not arrive in time.",
        "`--header-deadline` and `--body-idle`; one client alone is slow, many at once are an attack.",
    ),
    Reason.TOO_LARGE: Explanation(
        (413,),
        "INVALID_ARGUMENT",
        "the request's body is larger than this gateway allows",
        "The body is over the limit.",
        "`--max-body`.",
    ),
    Reason.HEAD_TOO_LARGE: Explanation(
        (431, 414),
        "INVALID_ARGUMENT",
        "the request's head is larger than this gateway allows",
        "The head, one of its lines or the number of its fields is over the limit; 414 where it is the target.",
        "`--max-head`, `--max-line`, `--max-fields`; often it is a cookie that grows.",
    ),
    Reason.METHOD_REFUSED: Explanation(
        (405,),
        "UNIMPLEMENTED",
        "this gateway does not forward the method",
        "CONNECT or TRACE, which no gateway should forward.",
        "Nothing: it is a scanner, or a client that takes the gateway for a forward proxy.",
    ),
    Reason.NOT_IMPLEMENTED: Explanation(
        (501,),
        "UNIMPLEMENTED",
        "this gateway does not know the transfer coding",
        "A transfer coding other than chunked.",
        "Mend the client.",
    ),
    Reason.VERSION_REFUSED: Explanation(
        (505,),
        "UNIMPLEMENTED",
        "this gateway does not speak that version of HTTP here",
        "An HTTP major version that is not spoken on this listener.",
        "Let the client speak HTTP/1.1.",
    ),
    Reason.EXPECTATION_FAILED: Explanation(
        (417,),
        "FAILED_PRECONDITION",
        "this gateway cannot meet the expectation",
        "An `Expect` other than `100-continue`.",
        "Mend the client.",
    ),
    Reason.DRAINED: Explanation(
        (503,),
        "UNAVAILABLE",
        "the gateway is shutting down",
        "The end of `--drain-timeout` cut it.",
        "Raise `--drain-timeout` where streams live longer, or let clients resume.",
    ),
    Reason.INTERNAL: Explanation(
        (500,),
        "INTERNAL",
        "the gateway failed",
        "A fault of agw's own.",
        "The log has a traceback; please report it.",
    ),
    Reason.LOCAL: Explanation(
        (200, 204, 301, 302, 303, 304, 307, 308),
        "",
        "",
        "agw answered on purpose: `OPTIONS *`, a CORS preflight, a redirect, or 304 on an agent card.",
        "Nothing.",
    ),
    Reason.LOOP: Explanation(
        (508,),
        "FAILED_PRECONDITION",
        "the request has passed through this gateway too often",
        "The request came back to the gateway that sent it, several times.",
        "The Backend's host points at a gateway, or two gateways at one another.",
    ),
    Reason.POLICY_INVALID: Explanation(
        (500,),
        "INTERNAL",
        "a policy of the route cannot be applied, so nobody is let in",
        "A policy that applies cannot be used, so nobody gets in.",
        "`agw check`: the conditions of the TrafficPolicy.",
    ),
    Reason.CLIENT_STALLED: Explanation(
        (),
        "",
        "",
        "The client took nothing of its answer for `write_stall`, or less than `min_rate`, and was cut.",
        "A client that has hung, or a hostile one; if slow clients are yours, lower `min_rate`.",
    ),
    Reason.OVERLOADED: Explanation(
        (503,),
        "UNAVAILABLE",
        "every endpoint of the agent is busy, and too many requests wait for one",
        "Every endpoint had `--endpoint-inflight` requests, and `--queue-size` waited or this one did for "
        "`--queue-timeout`.",
        "More replicas of the agent, or a higher `--endpoint-inflight` where it can take more.",
    ),
    Reason.FORBIDDEN: Explanation(
        (403,),
        "PERMISSION_DENIED",
        "this client may not ask the agent for that",
        "No rule of the TrafficPolicy's `authorization` allows it, or a rule denies it. Where rules name operations, a "
        "request of which nobody can say what it asks for is refused too: no JSON, a batch, a member twice.",
        "`consumer` and `operation` of the access log beside the policy's rules; SDKs need `GetAgentCard` as well.",
    ),
    Reason.RATE_LIMITED: Explanation(
        (429,),
        "RESOURCE_EXHAUSTED",
        "too many requests",
        "A limit of the TrafficPolicy's `rateLimit` has no room for it, or its address has presented too many wrong keys "
        "(`failureLimit`). `Retry-After` says how many seconds until there is room.",
        "`RateLimit` of the answer names the limit; `consumer` and `operation` of the access log show who asks for what.",
    ),
    Reason.CARD_REFUSED: Explanation(
        (502,),
        "UNAVAILABLE",
        "the agent's card cannot be shown as it is, and must not be changed",
        "The agent card is signed, and the Backend says `signatures: Reject`; or nothing says under which URL clients reach "
        "the agent.",
        "A line in the log of agw says which. Let the agent publish public URLs, or set `card.externalURL`.",
    ),
    Reason.STREAM_IDLE: Explanation(
        (),
        "",
        "",
        "The agent sent nothing on an event stream for the policy's `timeouts.streamIdle`, and the stream was cut.",
        "Raise it where agents work silently for longer; a client takes a task up again with SubscribeToTask.",
    ),
    Reason.TOO_MANY_STREAMS: Explanation(
        (429,),
        "RESOURCE_EXHAUSTED",
        "too many event streams are open",
        "As many event streams of the route are open as the TrafficPolicy's `streams.maxConcurrent` allows in one pod.",
        "`agw_streams` says how many are open in all. Raise it, add pods, or let clients poll with GetTask.",
    ),
}
