"""How soon a new route is served, a changed one changed, and five thousand all there."""

from __future__ import annotations

import re
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from bench.cluster.api import Api
from bench.cluster.stage import NAMESPACE, Cost, Poller, Stage, cost, route, wait_until
from bench.cluster.traffic import traffic
from bench.trouble.result import Check, Outcome, at_most, exactly

COLUMNS = ("routes before", "first pod p50 ms", "p99 ms", "every pod p50 ms", "p99 ms ", "max ms", "other answers")
RATE = 100.0  # writes a second


def probe(stage: Stage, one_by_one: int, existing: int) -> Outcome:
    """Create a route, poll every pod until it answers 200; again and again, then with many routes there already."""
    rows: dict[str, tuple[str, ...]] = {}
    checks: list[Check] = []
    figures: dict[str, object] = {}
    for title, before, count in (("few", 0, one_by_one), ("many", existing, one_by_one)):
        _fill(stage, before)
        first, every, others = _one_by_one(stage, f"{title}-", count)
        figures[title] = {"first": first, "every": every, "others": others}
        cells = [f"{value:.1f}" for value in (_p(first, 50), _p(first, 99), _p(every, 50), _p(every, 99), max(every))]
        rows[f"{count} after {before}"] = (str(before), *cells, str(sum(others.values())))
        checks += [
            at_most(f"every pod serves, {before} routes before, p50", _p(every, 50), 20, " ms"),
            at_most(f"every pod serves, {before} routes before, p99", _p(every, 99), 100, " ms"),
            exactly(f"answers that are neither 404 nor 200, {before} routes before", sum(others.values()), 0),
        ]
    notes = [
        "From the API server's answer to a create until 200; each pod of the data plane is asked in turn, about once a ms"
    ]
    return Outcome("a route is created, and polled until it is served", COLUMNS, rows, checks, notes, figures)


def _p(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1] if len(values) > 1 else values[0]


def _one_by_one(stage: Stage, prefix: str, count: int) -> tuple[list[float], list[float], Counter[int]]:
    """Milliseconds until the first pod and until every pod served each route, and answers other than 404 and 200."""
    pods = [Poller(address) for address in stage.pods()]
    first: list[float] = []
    every: list[float] = []
    others: Counter[int] = Counter()
    for number in range(count):
        path = f"/{prefix}{number}"
        stage.api.create("httproutes", NAMESPACE, route(f"{prefix}{number}", path))
        began = time.monotonic()
        waiting = list(pods)
        while waiting:
            for pod in list(waiting):
                status = pod.status(path)
                if status == 200:
                    waiting.remove(pod)
                    if len(waiting) == len(pods) - 1:
                        first.append((time.monotonic() - began) * 1000)
                elif status != 404:
                    others[status] += 1
            if time.monotonic() - began > 30:
                message = f"{path} is not served after 30 s"
                raise TimeoutError(message)
            time.sleep(0.001)  # between two polls
        every.append((time.monotonic() - began) * 1000)
    for pod in pods:
        pod.close()
    return first, every, others


def _fill(stage: Stage, count: int) -> None:
    """Bring the number of the namespace's routes up, and wait until the last is served and all statuses are written."""
    have = len(stage.api.get("httproutes", NAMESPACE)["items"])
    for number in range(have, count):
        stage.api.create("httproutes", NAMESPACE, route(f"fill-{number}", f"/fill/{number}"))
    if count > have:
        for address in stage.pods():
            _served(Poller(address), f"/fill/{count - 1}")
        wait_until(lambda: _wrong(stage.api) == 0, "all statuses are right", 300)


def _served(poller: Poller, path: str, patience: float = 60.0) -> float:
    return wait_until(lambda: poller.status(path) == 200, f"{path} is served", patience)


def change(stage: Stage, times: int) -> Outcome:
    """One route is switched to and fro between two agents under traffic: only 200s, and each change is seen."""
    stage.api.create("httproutes", NAMESPACE, route("switched", "/switched"))
    poller = Poller(stage.address)
    _served(poller, "/switched")
    late: list[float] = []
    with traffic((stage.address, 80), "/switched") as load:
        for number in range(times):
            kind = ("two", "one")[number % 2]
            spec = route("switched", "/switched", f"agent-{kind}")["spec"]
            stage.api.patch("httproutes", NAMESPACE, "switched", {"spec": spec})
            late.append(1000 * wait_until(lambda kind=kind: poller.ask("/switched")[1] == kind.encode(), "changed", 30))
    stage.api.delete("httproutes", NAMESPACE, "switched")
    _wait_gone(poller, "/switched")
    rows = {
        "agw": (
            str(times),
            str(load.total),
            str(load.refused),
            load.told(),
            f"{_p(late, 50):.1f}",
            f"{_p(late, 99):.1f}",
        )
    }
    columns = ("changes", "requests", "not 200", "which", "seen after p50 ms", "p99 ms")
    checks = [exactly("requests that are not answered 200 while a route changes", load.refused, 0)]
    return Outcome("one route is changed under traffic", columns, rows, checks, figures={"late": late})


def _wait_gone(poller: Poller, path: str) -> None:
    wait_until(lambda: poller.status(path) == 404, f"{path} is gone", 30)


def many(stage: Stage, count: int) -> Outcome:
    """Write routes at a steady pace: how soon after the last all are served and have their statuses, and the cost."""
    before = _Seen.now(stage.api)
    served = _Follower(stage.address, count)
    began = time.monotonic()
    with served.following():
        for number in range(count):
            time.sleep(max(0.0, began + number / RATE - time.monotonic()))  # the pace of the writes
            stage.api.create("httproutes", NAMESPACE, route(f"many-{number}", f"/many/{number}"))
        written = time.monotonic()
        served.wait(60)
    wait_until(lambda: _wrong(stage.api) == 0, "all statuses are right")
    statuses, lag = time.monotonic() - written, served.finished - written
    after, others = _Seen.now(stage.api), sum(served.others.values())
    columns = (
        *("routes", "written in s", "all served after s", "statuses right after s", "status writes"),
        *("controller CPU s", "controller MB", "data planes MB", "other answers"),
    )
    writes = after.status_writes - before.status_writes
    row = (
        *(str(count), f"{written - began:.1f}", f"{lag:.2f}", f"{statuses:.2f}", str(writes)),
        *(f"{after.controller.cpu - before.controller.cpu:.1f}", f"{after.controller.rss:.0f}"),
        *(f"{after.proxies.rss:.0f}", str(others)),
    )
    checks = [
        at_most("all routes served after the last write", lag, 2, " s"),
        exactly("answers that are neither 404 nor 200", others, 0),
        at_most("status writes per route", writes / count, 1.05),
    ]
    title = f"{count} routes at {RATE:g} writes a second"
    return Outcome(title, columns, {"agw": row}, checks, ["MB: of all pods and their processes together"])


@dataclass(frozen=True, slots=True)
class _Seen:
    """What everything has cost so far."""

    controller: Cost
    proxies: Cost
    status_writes: int

    @classmethod
    def now(cls, api: Api) -> Self:
        supervisors, workers = cost("proxy"), cost("agw.dataplane.worker")
        proxies = Cost(supervisors.cpu + workers.cpu, supervisors.rss + workers.rss)
        return cls(cost("controller"), proxies, _status_writes(api))


class _Follower:
    """Asks for one route after the other as they are served, so that at the end only the last few are left to ask."""

    def __init__(self, address: str, count: int) -> None:
        self._poller = Poller(address)
        self._count = count
        self._stopped = False
        self.finished = 0.0
        self.others: Counter[int] = Counter()

    @contextmanager
    def following(self) -> Iterator[None]:
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()
        try:
            yield
        finally:
            self._stopped = True
            self._thread.join(5)

    def wait(self, patience: float) -> None:
        wait_until(lambda: self.finished > 0, "all routes are served", patience)

    def _follow(self) -> None:
        for number in range(self._count):
            while (status := self._poller.status(f"/many/{number}")) != 200 and not self._stopped:
                if status != 404:
                    self.others[status] += 1
                time.sleep(0.002)  # between two polls
        self.finished = time.monotonic()


def _status_writes(api: Api) -> int:
    """Writes of HTTPRoutes' statuses that the API server has counted."""
    pattern = r'^apiserver_request_total\{.*resource="httproutes".*subresource="status".*\} ([0-9.e+]+)$'
    lines = api.text("GET", "/metrics")
    return int(sum(float(value) for value in re.findall(pattern, lines, re.MULTILINE)))


def _wrong(api: Api) -> int:
    """Routes whose status is not Accepted and ResolvedRefs, both True, of the current generation."""
    wrong = 0
    for each in api.get("httproutes", NAMESPACE)["items"]:
        parents = each.get("status", {}).get("parents", [])
        good = {
            condition["type"]
            for parent in parents
            for condition in parent["conditions"]
            if condition["status"] == "True" and condition["observedGeneration"] == each["metadata"]["generation"]
        }
        wrong += not {"Accepted", "ResolvedRefs"} <= good
    return wrong
