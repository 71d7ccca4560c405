"""What the admin port answers: health, metrics, the configuration in force.

All views of one `State`. No page shows a digest of a credential or anything of a client's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from agw.dataplane import metrics
from agw.dataplane.admin import Handler, Request, Response, plain
from agw.dataplane.state import State
from agw.errors import Problem
from agw.snapshot.codec import to_document

_JSON = "application/json"


def pages(state: Callable[[], State], exposition: Callable[[], bytes], drain: Callable[[], None]) -> Handler:
    """Make the handler. state: what is going on now. exposition: the metrics. drain: begin to drain."""

    def handle(request: Request) -> Response:
        route = routes.get(request.path)
        if route is None:
            return plain(404, "no such page; there are " + ", ".join(sorted(routes)))
        allowed, page = route
        if request.method not in allowed:
            return Response(405, b"", headers={"Allow": ", ".join(allowed)})
        return page(request)

    def drain_page(_request: Request) -> Response:
        drain()
        return plain(202, "draining")

    reading, acting = ("GET", "HEAD"), ("POST",)
    routes: Mapping[str, tuple[tuple[str, ...], Handler]] = {
        "/livez": (reading, lambda _: plain(200, "ok")),
        "/readyz": (reading, lambda request: ready_page(state(), verbose="verbose" in request.query.split("&"))),
        "/metrics": (reading, lambda _: Response(200, exposition(), metrics.CONTENT_TYPE)),
        "/config": (reading, lambda _: config_page(state())),
        "/drain": (acting, drain_page),
    }
    return handle


def ready_page(state: State, *, verbose: bool) -> Response:
    """Answer 200 where traffic should come, else 503; with `verbose` also why, and all that is wrong."""
    status = 200 if state.ready else 503
    first = "ok" if state.ready else f"not ready: waiting for {state.waiting_for}"
    if state.draining:
        first = "not ready: draining"
    if not verbose:
        return plain(status, first)
    lines = [first, f"configuration: generation {state.generation} in force, version {state.version}"]
    if state.refused:
        lines.append("a newer configuration is refused, the last good one stays in force:")
        lines += [f"  {problem}" for problem in state.refused]
    lines += [
        f"worker {worker.index}: pid {worker.pid or '-'}, version {worker.version}, restarts {worker.restarts}"
        for worker in state.workers
    ]
    lines += [f"listener port {port}: served at {address}" for port, address in sorted(state.bound.items())]
    lines += [f"problem: {problem}" for problem in state.problems]
    return plain(status, "\n".join(lines))


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
    return Response(200, json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n", _JSON)


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
