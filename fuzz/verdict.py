"""Whether what clients received is what may have come of a script.

Rules: responses come in the order of the requests; one that bears a nonce bears its own request's, with that answer's
status and body; what an agent cut short is never complete for a client; an answer of agw's own comes only where the script gives it a
reason; where nothing went wrong nothing is missing. A request that is not idempotent reaches an agent at most once.
"""

from __future__ import annotations

from agw._fastpath import agents
from fuzz.play import Caller, Play
from fuzz.script import Plan, Request
from tests.oracles import event_stream
from tests.oracles.strict_http1 import Message, check_relayed, read_response

ONCE = {b"POST", b"PATCH"}
COMMENT = b": keep-alive\n\n"
KEPT = 60_000  # bytes of a request that agw surely reads to keep its connection


def judge_figures(row: tuple[int, ...]) -> None:
    """Raise AssertionError where an agent's figures, when all is over, do not say one thing of each exchange."""
    assert not row[agents.ACTIVE], "an exchange is in progress for ever"
    assert not row[agents.STREAMS_ACTIVE], "a stream is open for ever"
    outcomes, versions = sum(row[agents.OUTCOME : agents.VERSION]), sum(row[agents.VERSION : agents.TASK_STATE])
    operations, ended = sum(row[agents.OPERATION :]), row[agents.DURATIONS] + row[agents.STREAMS]
    said = f"{ended} exchanges, {outcomes} outcomes, {versions} versions, {operations} operations"
    assert outcomes == versions == operations == ended, said


def told(plan: Plan, received: bytes) -> bytes:
    """Return what an agent's body is without the gateway's signs of life, which are where they change no event."""
    if not plan.stream or plan.body is None or COMMENT not in received:
        return received
    sent = plan.body
    if received.startswith(COMMENT):
        sent = sent.removeprefix(event_stream.MARK)  # behind a comment it would be part of a name
    spoken = received.replace(COMMENT, b"")
    assert event_stream.read(received).events == event_stream.read(spoken).events, f"in an event: {received!r}"
    return plan.body if spoken == sent else spoken


def judge(play: Play) -> None:
    """Raise AssertionError or Malformed where a rule is broken."""
    for nonce, count in play.seen.items():
        most = 1 if play.requests[nonce].method in ONCE else 2
        assert count <= most, f"{nonce!r} reached agents {count} times"
    for caller in play.callers:
        _Reading(play, caller).judge()


class _Reading:
    """One client's received bytes, gone through response by response."""

    def __init__(self, play: Play, caller: Caller) -> None:
        self.play, self.caller = play, caller
        self.data = bytes(caller.received)
        self.closing = False  # the last response said, or its request asked, that no other follows

    def judge(self) -> None:
        for request in self.caller.client.requests:
            message = self._next(request)
            if message is None:
                self._missing(request)
                return
            self._check(request, message)
            if self.closing:
                break
        assert not self.data, f"more came than was asked for: {self.data[:200]!r}"

    def _next(self, request: Request) -> Message | None:
        """Return the final response to this request, None where it is not complete."""
        while True:
            found = read_response(self.data, head=request.method == b"HEAD" and request.kind != "refused")
            if found is None:
                self._partial(request)
                return None
            if self._unread_head(request, found[0], self.data[found[1] :]):
                found = read_response(self.data)
                if found is None:
                    return None
            message, size = found
            ends = {"fin", "lost"} if request.plan.whole else {"fin"}
            if message.framing == "close" and self.caller.ended not in ends:
                self._partial(request)
                return None
            self.data = self.data[size:]
            check_relayed(message)
            if message.status >= 200:
                return message
            nonce = message.one("x-nonce")
            assert nonce in {None, request.nonce}, f"{request.nonce!r} got an interim answer of {nonce!r}"

    def _unread_head(self, request: Request, message: Message, rest: bytes) -> bool:
        """Whether a HEAD request was refused before it was read to its end: agw cannot know yet that it is one."""
        return request.method == b"HEAD" and message.status in {400, 408} and rest.startswith(b"{")

    def _partial(self, request: Request) -> None:
        """Look at the beginning of a response: it may be incomplete, but it must be this request's."""
        head, found, body = self.data.partition(b"\r\n\r\n")
        if found and b"X-Nonce: " in head:
            nonce = head.partition(b"X-Nonce: ")[2].partition(b"\r\n")[0]
            assert nonce == request.nonce, f"{request.nonce!r} got the beginning of {nonce!r}"
            if b"chunked" not in head and request.plan.body is not None:
                same = request.plan.stream or request.plan.body.startswith(body)  # a comment may be cut, too
                assert same, f"{request.nonce!r} got bytes of another body"

    def _check(self, request: Request, message: Message) -> None:
        close = message.one("connection") == b"close" or message.framing == "close"
        self.closing = close or request.last
        nonce = message.one("x-nonce")
        if nonce is None:
            self._own(request, message)
            return
        assert nonce == request.nonce, f"{request.nonce!r} got the answer of {nonce!r}"
        assert request.kind == "good", f"{request.nonce!r} was answered by an agent"
        plan = request.plan
        assert plan.whole, f"{request.nonce!r}: an answer that was never complete came to a clean end"
        assert message.status == plan.status, f"{request.nonce!r} got {message.status}, not {plan.status}"
        body = message.body if message.framing == "length" else told(plan, message.body)
        assert body == plan.body, f"{request.nonce!r} got another body"

    def _own(self, request: Request, message: Message) -> None:
        """An answer of agw's own came: there must be a reason."""
        play, status = self.play, message.status
        if request.kind == "refused":
            assert 400 <= status <= 505, f"{request.data!r}: {status}"
            assert message.one("connection") == b"close", f"{request.data!r} was refused, and more is taken"
            return
        faults = {404} if request.kind == "elsewhere" else set()
        if request.broken or self.caller.client.cut:
            faults |= {400, 408}
        if play.late:
            faults |= {408, 504}
        if not request.plan.whole or play.disturbed:
            faults |= {502, 503, 504}
        if request.method == b"OPTIONS":
            faults |= {200}
        if play.script.slots:
            faults |= {503}  # the line is full, or it took too long
        assert status in faults or (play.faulty and status >= 500), (
            f"{request.nonce!r} got {status} for no reason: {message.body!r}"
        )

    def _missing(self, request: Request) -> None:
        """No complete response came, and none after it: there must be a reason."""
        play, client = self.play, self.caller.client
        reason = (
            play.faulty
            or client.cut
            or client.end
            or play.late
            or request.broken
            or not request.plan.whole
            or play.disturbed
            or (play.script.slots and any(not each.plan.whole for each in play.requests.values()))
            # The slot is held by a request of which the rest never comes, until a deadline that is not reached here.
            or (play.script.slots and any(each.cut and not each.end for each in play.script.clients))
            # An agent that closes before it has read the request resets the connection, its answer with it.
            or any(each.plan.early for each in client.requests)
            # What is left of a request that was answered locally is read to a bound, and then the connection ends. Where
            # the line to an agent may be full, that can be any.
            or any(
                (each.kind == "elsewhere" or play.script.slots) and len(each.body) > KEPT for each in client.requests
            )
            # A client that said that nothing follows and sends on is met by a closed connection (RFC 9112 9.6).
            or any(each.last and each.kind != "refused" for each in client.requests[:-1])
        )
        assert reason, f"{request.nonce!r} got no answer: {self.data[:200]!r}, ended {self.caller.ended!r}"
