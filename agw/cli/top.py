"""What `agw top` does: look at the admin port's /agents, again and again, and show what has changed since the last look.

Rules: every rate, share and time is of the interval between two looks, streams and requests in progress of the last
look. A gateway that has started again meanwhile has counted from nothing, and is read so. A gateway that is not there,
or not there any more, ends the command with the exit code for that.

Must not: compute anything that the gateway has not counted, or show what the terminal would obey.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

import click

from agw.cli.output import Exit, Failure, Style, emit, table
from agw.cli.screen import ENDED, Screen, printable
from agw.dataplane.agents import quantile
from agw.settings import Address

PATIENCE = 5.0
"""Seconds for the admin port to answer."""

MAX_ANSWER = 4 << 20
_FAILED = ("agent_error", "failed")
_NAMED = 10  # agents, where the one that was asked for is none of them
_QUITS = ("q", "Q", ENDED)


@dataclass(frozen=True, slots=True)
class Options:
    """What the command was asked. interval: seconds. form: of the output. agent: the one to show, "" for all."""

    admin: Address
    once: bool
    interval: float
    form: str
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """What the admin port said, by agent. at: time.monotonic()."""

    at: float
    agents: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Line:
    """An agent in an interval. errors, refused: shares of its requests. p50, p99: seconds to the first byte.

    None: there were none to say it of. operations: requests by operation, only those that were asked for.
    """

    agent: str
    requests: int
    rate: float
    streams: int
    in_flight: int
    errors: float | None
    refused: float | None
    p50: float | None
    p99: float | None
    operations: Mapping[str, int]


_Order = Callable[[Line], tuple[Any, ...]]
ORDERS: Mapping[str, _Order] = {
    "requests": lambda line: (-line.rate, line.agent),
    "streams": lambda line: (-line.streams, line.agent),
    "in flight": lambda line: (-line.in_flight, line.agent),
    "errors": lambda line: (-(line.errors or 0), line.agent),
    "refused": lambda line: (-(line.refused or 0), line.agent),
    "p99": lambda line: (-(line.p99 or 0), line.agent),
    "agent": lambda line: (line.agent,),
}


def top(options: Options) -> int:
    """Show the agents; return the exit code."""
    if options.once or options.form != "text" or not _has_screen():
        return _once(options)
    before = look(options.admin)  # what is wrong now is said on the terminal as it is
    _chosen(compare(before, before), options.agent)
    with Screen() as screen:
        _live(screen, before, options)
    return Exit.OK


def _has_screen() -> bool:
    """Whether keys come from a terminal, and go to one that has a cursor to move."""
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def _once(options: Options) -> int:
    before = look(options.admin)
    time.sleep(options.interval)
    lines = sorted(_chosen(compare(before, look(options.admin)), options.agent), key=ORDERS["requests"])
    if options.form == "text":
        click.echo("\n".join(_rows(lines, options.agent)) if lines else _NOBODY)
    else:
        emit({"interval": options.interval, "agents": [asdict(line) for line in lines]}, options.form)
    return Exit.OK


def _chosen(lines: list[Line], agent: str) -> list[Line]:
    """Give the lines to show; Failure where there is none of that agent."""
    chosen = [line for line in lines if agent in {"", line.agent}]
    if agent and not chosen:
        known = sorted(line.agent for line in lines)
        more = ", ..." if len(known) > _NAMED else ""
        hint = f"there are: {', '.join(known[:_NAMED])}{more}" if known else _NOBODY
        raise Failure(f"no agent is called {printable(agent)!r}", hint=hint)
    return chosen


def _rows(lines: Sequence[Line], agent: str) -> list[str]:
    """Return the table as lines; of one agent that was asked for, its operations behind it."""
    shown = table(HEADER, map(cells, lines)).split("\n")
    if agent:
        [line] = lines
        ordered = sorted(line.operations.items(), key=lambda each: (-each[1], each[0]))
        total = sum(line.operations.values())
        shares = [(name, f"{line.rate * count / total:.1f}", _share(count / total)) for name, count in ordered]
        shown += ["", *(table(OPERATIONS_HEADER, shares).split("\n") if shares else ["no requests ended"])]
    return shown


def _live(screen: Screen, before: Look, options: Options) -> None:
    style = Style.of(sys.stdout)
    names = list(ORDERS)
    order = names[0]
    lines: list[Line] = []
    due = before.at + options.interval
    waiting = True
    while True:
        shown = sorted(lines, key=ORDERS[order])
        what = f"{options.admin}, {f'of {printable(options.agent)}' if options.agent else f'by {order}'}"
        screen.draw(frame(shown, what, screen.size()[0], style, waiting=waiting, agent=options.agent))
        key = screen.key(due)
        if key in _QUITS:
            return
        if key == "o":
            order = names[(names.index(order) + 1) % len(names)]
        elif not key:
            now = look(options.admin)
            lines, waiting = _chosen(compare(before, now), options.agent), False
            before, due = now, now.at + options.interval


def look(admin: Address) -> Look:
    """Ask the admin port; Failure where it does not answer as a gateway does."""
    host = (
        "127.0.0.1" if admin.host == "::" else admin.host
    )  # ":15000" is where a gateway listens, and not a place to go
    connection = http.client.HTTPConnection(host, admin.port, timeout=PATIENCE)
    try:
        connection.request("GET", "/agents")
        response = connection.getresponse()
        body = response.read(MAX_ANSWER)
    except TimeoutError:
        raise Failure(f"the admin port {admin} does not answer", code=Exit.TIMED_OUT) from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        hint = "does the gateway run? --admin HOST:PORT says where its admin port is"
        raise Failure(f"no gateway at {admin}: {reason}", hint=hint, code=Exit.UNREACHABLE) from None
    finally:
        connection.close()
    if response.status != HTTPStatus.OK:
        said = printable(body.decode("utf-8", "replace").strip())[:200]
        raise Failure(f"the admin port {admin} answers {response.status}: {said}")
    try:
        return Look(time.monotonic(), {each["agent"]: each for each in json.loads(body)["agents"]})
    except (ValueError, KeyError, TypeError):
        raise Failure(f"what answers at {admin} is no admin port of agw", code=Exit.FAILED) from None


def compare(before: Look, now: Look) -> list[Line]:
    """Make a line for each agent of the newer look."""
    passed = max(now.at - before.at, 1e-3)
    return [_line(each, before.agents.get(name), passed) for name, each in now.agents.items()]


def _line(now: Mapping[str, Any], before: Mapping[str, Any] | None, passed: float) -> Line:
    ended = sum(now["outcomes"].values())
    if before is not None and sum(before["outcomes"].values()) > ended:
        before = None  # the gateway has started again
    outcomes = {
        how: count - (before["outcomes"].get(how, 0) if before else 0) for how, count in now["outcomes"].items()
    }
    buckets = _less(now["first_byte"], before["first_byte"] if before else ())
    earlier = before.get("operations", {}) if before else {}
    operations = {
        printable(name): count - earlier.get(name, 0)
        for name, count in now.get("operations", {}).items()
        if count > earlier.get(name, 0)
    }
    requests = sum(outcomes.values())
    return Line(
        agent=printable(now["agent"]),
        requests=requests,
        rate=round(requests / passed, 1),
        streams=now["streams"],
        in_flight=now["in_flight"],
        errors=sum(outcomes.get(how, 0) for how in _FAILED) / requests if requests else None,
        refused=outcomes.get("refused", 0) / requests if requests else None,
        p50=quantile(buckets, 0.5) if sum(buckets) else None,
        p99=quantile(buckets, 0.99) if sum(buckets) else None,
        operations=operations,
    )


def _less(now: Sequence[int], before: Sequence[int]) -> list[int]:
    return [value - earlier for value, earlier in zip(now, before or [0] * len(now), strict=True)]


HEADER = ("AGENT", "REQ/S", "STREAMS", "IN FLIGHT", "ERRORS", "REFUSED", "P50", "P99")
OPERATIONS_HEADER = ("OPERATION", "REQ/S", "SHARE")
_NOBODY = "no agents: nothing that is served speaks A2A"


def cells(line: Line) -> tuple[str, ...]:
    """Return a line as text, column by column."""
    return (
        line.agent,
        f"{line.rate:.1f}",
        str(line.streams),
        str(line.in_flight),
        _share(line.errors),
        _share(line.refused),
        _duration(line.p50),
        _duration(line.p99),
    )


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds * 1000:.1f}ms" if seconds < 1 else f"{seconds:.1f}s"


def frame(lines: Sequence[Line], what: str, width: int, style: Style, *, waiting: bool, agent: str = "") -> list[str]:
    """Return what is shown, no line wider than the terminal. agent: the only one, with its operations."""
    rate = sum(line.rate for line in lines)
    title = f"agw top - {what} - {len(lines)} agents, {rate:.1f} requests/s - q quit, o order"
    shown = [style.bold(title[:width]), ""]
    if not lines:
        said = "looking ..." if waiting else _NOBODY
        return [*shown, said[:width]]
    head, *rows = _rows(lines, agent)
    shown.append(style.dim(head[:width]))
    shown += [_painted(row[:width], line, style) for row, line in zip(rows, lines, strict=False)]
    return shown + [row[:width] for row in rows[len(lines) :]]


def _painted(row: str, line: Line, style: Style) -> str:
    return style.warning(row) if line.errors else row
