"""What the admin port answers: health, metrics, the configuration in force.

All views of one `State`. No page shows a digest of a credential or anything of a client's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from agw._fastpath.record import BUCKETS_US
from agw.dataplane import metrics
from agw.dataplane.admin import Handler, Request, Response, plain
from agw.dataplane.agents import Figures
from agw.dataplane.state import State
from agw.errors import Problem
from agw.snapshot.codec import to_document

_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Controls:
    """What a POST can do. restart: returns why it cannot begin, or nothing. The setters raise ValueError."""

    drain: Callable[[], None]
    restart: Callable[[], str]
    level: Callable[[], str]
    set_level: Callable[[str], None]
    access_log: Callable[[], str]
    set_access_log: Callable[[str], None]


def pages(
    state: Callable[[], State],
    exposition: Callable[[], bytes],
    agents: Callable[[], Sequence[Figures]],
    controls: Controls,
) -> Handler:
    """Make the handler. state: what is going on now. exposition: the metrics. agents: the figures of each."""

    def handle(request: Request) -> Response:
        route = routes.get(request.path)
        if route is None:
            return plain(404, "no such page; there are " + ", ".join(sorted(routes)))
        allowed, page = route
        if request.method not in allowed:
            return Response(405, b"", headers={"Allow": ", ".join(allowed)})
        return page(request)

    def drain_page(_request: Request) -> Response:
        controls.drain()
        return plain(202, "draining")

    def restart_page(_request: Request) -> Response:
        refused = controls.restart()
        return plain(409, refused) if refused else plain(202, "restarting")

    reading, acting = ("GET", "HEAD"), ("POST",)
    routes: Mapping[str, tuple[tuple[str, ...], Handler]] = {
        "/livez": (reading, lambda _: plain(200, "ok")),
        "/readyz": (reading, lambda request: ready_page(state(), verbose="verbose" in request.query.split("&"))),
        "/metrics": (reading, lambda _: Response(200, exposition(), metrics.CONTENT_TYPE)),
        "/agents": (reading, lambda _: agents_page(agents())),
        "/config": (reading, lambda _: config_page(state())),
        "/drain": (acting, drain_page),
        "/restart": (acting, restart_page),
        "/loglevel": (reading + acting, _switch("level", controls.level, controls.set_level)),
        "/accesslog": (reading + acting, _switch("log", controls.access_log, controls.set_access_log)),
    }
    return handle


def _switch(name: str, current: Callable[[], str], change: Callable[[str], None]) -> Handler:
    """Make a page that shows a value, and that a POST with `?NAME=VALUE` changes."""

    def page(request: Request) -> Response:
        if request.method == "POST":
            given = [part.partition("=")[2] for part in request.query.split("&") if part.partition("=")[0] == name]
            if len(given) != 1:
                return plain(400, f"say what it shall be, once: ?{name}=VALUE")
            try:
                change(given[0])
            except ValueError as error:
                return plain(400, str(error))
        return plain(200, current())

    return page


def ready_page(state: State, *, verbose: bool) -> Response:
    """Answer 200 where traffic should come, else 503; with `verbose` also why, and all that is wrong."""
    status = 200 if state.ready else 503
    first = "ok" if state.ready else f"not ready: waiting for {state.waiting_for}"
    if state.draining:
        first = "not ready: draining"
    if not verbose:
        return plain(status, first)
    lines = [first, f"configuration: generation {state.generation} in force, version {state.version}"]
    if state.origin is not None:
        lines.append(f"configuration: {state.origin.text}")
    if state.refused:
        lines.append("a newer configuration is refused, the last good one stays in force:")
        lines += [f"  {problem}" for problem in state.refused]
    lines += [
        f"worker {worker.index}: pid {worker.pid or '-'}, version {worker.version}, restarts {worker.restarts}"
        + (f", {worker.draining} before it draining" if worker.draining else "")
        for worker in state.workers
    ]
    lines += [f"listener port {port}: served at {address}" for port, address in sorted(state.bound.items())]
    lines += [f"problem: {problem}" for problem in state.problems]
    return plain(status, "\n".join(lines))


def agents_page(agents: Sequence[Figures]) -> Response:
    """Show the figures of each agent since the gateway began, as JSON. bounds: of first_byte, in seconds."""
    document = {
        "bounds": [bound / metrics.MICROSECONDS for bound in BUCKETS_US],
        "agents": [asdict(each) for each in agents],
    }
    return Response(200, json.dumps(document, ensure_ascii=False).encode() + b"\n", _JSON)


def config_page(state: State) -> Response:
    """Show the configuration in force as JSON; digests read `<redacted>`."""
    document = {
        "generation": state.generation,
        "version": state.version,
        "listeners": {str(port): str(address) for port, address in sorted(state.bound.items())},
        "problems": [_problem(problem) for problem in state.problems],
        "refused": [_problem(problem) for problem in state.refused],
        "entries": to_document(state.entries),
    }
    return Response(
        200, json.dumps(document, indent=2, ensure_ascii=False).encode(errors="backslashreplace") + b"\n", _JSON
    )


def _problem(problem: Problem) -> dict[str, object]:
    return {
        "code": problem.code,
        "severity": problem.severity.value,
        "object": problem.object,
        "path": problem.path,
        "position": str(problem.position),
        "message": problem.message,
        "hint": problem.hint,
    }
