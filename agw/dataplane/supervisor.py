"""The supervisor: from a configuration source to workers that serve it.

    source -> resolver -> snapshot -> delta -> workers -> acknowledged -> in force

Rules: what is in force is what every worker has acknowledged; a configuration that cannot be used, or that a worker
refuses, changes nothing and is reported. Traffic does not depend on the supervisor: it only hands out sockets,
snapshots and memory, and starts a worker where one died. It never reads a byte that a client of the data plane sent.

    SIGTERM, SIGINT   not ready; workers close what becomes idle; live exchanges end, until drain_timeout; exit 0
    a second one      at once
    SIGHUP            read the configuration now
    SIGUSR2           a fresh process for every worker, and no request notices
"""

from __future__ import annotations

import asyncio
import inspect
import secrets
import signal
from collections.abc import AsyncIterable, Callable, Coroutine, Mapping
from typing import Any

from agw.collector import Collector
from agw.dataplane import metrics
from agw.dataplane.admin import AdminServer
from agw.dataplane.agents import Roster, add
from agw.dataplane.checks import Checks, Where
from agw.dataplane.cores import worker_count
from agw.dataplane.descriptors import raise_limit, within_limit
from agw.dataplane.frames import Agents, Applied, Behind, Down, Drain, Refused, Stop, ToSupervisor, ToWorker, Unlistened
from agw.dataplane.harden import harden
from agw.dataplane.limit_store import LimitStore
from agw.dataplane.logs import Log, capture_standard_logging
from agw.dataplane.pages import Controls, pages
from agw.dataplane.place import Backoff, Place
from agw.dataplane.ports import PortTable, Wanted
from agw.dataplane.process import WorkerProcess, exit_cause
from agw.dataplane.publication import Publication
from agw.dataplane.resolve import Resolved, Resolver, absolute_lookup, system_lookup
from agw.dataplane.rolling import Rolling, Steps
from agw.dataplane.shared import Pod
from agw.dataplane.state import ConfigUpdate, Origin, State
from agw.dataplane.verbosity import Verbosity, check_access_log
from agw.errors import Problem, Severity
from agw.settings import Address, Settings

_STOP_PATIENCE = 2.0  # seconds for a worker to end after Stop
_LOOK = 0.02  # seconds between two looks at what is still in progress
_LOGGED_PROBLEMS = 50
_ASKS = 10  # for a sign of life, within the silence that is allowed


async def run_supervisor(
    source: AsyncIterable[ConfigUpdate],
    settings: Settings,
    listen_map: Mapping[int, Address] | None = None,
    resolve_map: Mapping[tuple[str, int], Address] | None = None,
    *,
    log: Log | None = None,
    on_state: Callable[[State], None] | None = None,
) -> int:
    """Serve what the source yields until a signal ends it; return the exit code.

    Raises ConfigurationError where the admin port cannot be opened. A source that ends leaves its last configuration
    in force. `on_state` is called, in the loop, whenever there is something new to show.
    """
    harden(core_dumps=settings.core_dumps)
    log = log or Log(settings.log_level, settings.log_format)
    capture_standard_logging(log)
    settings = within_limit(settings, raise_limit(), log)
    lookup = system_lookup if settings.search_domains else absolute_lookup
    resolver = Resolver(resolve_map or {}, lookup, own=settings.own_endpoints, denied=settings.denied_networks)
    supervisor = Supervisor(source, settings, listen_map or {}, resolver, log, on_state)
    return await supervisor.run()


class Supervisor:
    """One data plane."""

    def __init__(
        self,
        source: AsyncIterable[ConfigUpdate],
        settings: Settings,
        listen_map: Mapping[int, Address],
        resolver: Resolver,
        log: Log,
        on_state: Callable[[State], None] | None,
    ) -> None:
        """Prepare; nothing is opened or started before `run`."""
        self._source = source
        self._settings = settings
        self._log = log
        self._on_state = on_state
        self._resolver = resolver
        self._publication = Publication()
        self._collector = Collector()
        self._checks = Checks(log, self._tell_down)
        count = worker_count(settings.workers)
        # All workers of one gateway are one in Via, and no two gateways are: several may stand in a row.
        pseudonym = f"agw-{secrets.token_hex(4)}"
        self._pod = Pod(settings.affinity_ids, count)
        self._store = (
            LimitStore(settings, memoryview(self._pod.memory.shared_limits.memory), log)
            if settings.limit_store
            else None
        )
        self._places = tuple(Place(index, settings, pseudonym, self._pod, self._receive) for index in range(count))
        self._roster = Roster(lambda number: add(place.agent(number) for place in self._places))
        self._wanted = Wanted()
        self._ports = PortTable(listen_map, settings.bind, count)
        steps = Steps(self._brief, lambda: self._ports.open_ports, self._changed)
        self._rolling = Rolling(self._places, steps, settings.drain_timeout / 1000, log)
        self._restart: asyncio.Task[None] | None = None
        self._verbosity = Verbosity(settings, log, self._tell_workers)
        self._problems: tuple[Problem, ...] = ()
        self._exits: dict[str, int] = {}
        self._was_ready = False
        self._draining = False
        self._failed = False
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._admin_address: Address | None = None

    async def run(self) -> int:
        """Run until a signal ends it; return the exit code."""
        check_access_log(self._settings)
        handler = pages(self.state, self._exposition, self._roster.figures, self._controls())
        admin = AdminServer(handler, self._settings.admin_host, self._fault)
        self._admin_address = await admin.start(self._settings.admin)
        self._log.info("admin port open", address=self._admin_address)
        self._handle_signals()
        keepers = [self._background(self._keep(place)) for place in self._places]
        others = [self._background(self._follow()), self._background(self._refresh()), self._background(self._watch())]
        if self._store is not None:
            others.append(self._background(self._store.run()))
        try:
            await self._stop.wait()
            await self._wind_down()
        finally:
            self._collector.close()
            await self._checks.close()
            await self._end(keepers, others)
            await admin.close()
        self._log.info("stopped")
        return 1 if self._failed else 0

    def state(self) -> State:
        """Describe what is going on."""
        in_force = self._publication.in_force
        waiting_for = self._waiting_for()
        return State(
            ready=not waiting_for and not self._draining,
            waiting_for=waiting_for,
            draining=self._draining,
            generation=self._publication.generation,
            version=in_force.version,
            entries=in_force.entries,
            problems=(*self._problems, *self._resolver.problems, *self._ports.problems),
            refused=self._publication.refused,
            refused_generation=self._publication.refused_generation,
            origin=self._origin(),
            bound=self._ports.bound,
            admin=self._admin_address,
            workers=tuple(place.state() for place in self._places),
        )

    def _origin(self) -> Origin | None:
        describe: Callable[[], Origin] | None = getattr(self._source, "describe", None)
        return describe() if describe is not None else None

    def _waiting_for(self) -> str:
        """Say what readiness waits for: all workers at first, then a majority; and a listener, where one is wanted."""
        if not self._publication.in_force.version:
            return "a configuration that can be used" if self._publication.refused else "the first configuration"
        serving = sum(1 for place in self._places if place.applied)
        needed = len(self._places) // 2 + 1 if self._was_ready else len(self._places)
        if serving < needed:
            return f"workers: {serving} of {len(self._places)} serve"
        if self._ports.problems and not self._ports.bound:
            return "a listener port that can be opened"
        return ""

    # Configuration

    async def _follow(self) -> None:
        try:
            async for update in self._source:
                await self._take(update)
        except Exception as error:  # noqa: BLE001 - the last good configuration is served without its source
            self._fault(error)
            problem = Problem("AGW3006", f"the configuration is no longer followed: {type(error).__name__}: {error}")
            self._problems = (*self._problems, problem)
            self._show()

    async def _take(self, update: ConfigUpdate) -> None:
        told = set(self._problems)  # a warning that stays is not told again at every change
        for problem in [problem for problem in update.problems if problem not in told][:_LOGGED_PROBLEMS]:
            self._report(problem)
        if update.entries is None:
            self._publication.reject(update.problems, update.generation)
            self._log.error(
                "configuration refused, the last good one stays in force",
                generation=update.generation,
                in_force=self._publication.generation,
                problems=len(update.problems),
            )
        else:
            known = set(self._resolver.problems)
            resolved = await self._resolver.follow(update.entries, update.changed)
            self._problems = update.problems
            self._report_new(known)
            self._publish(resolved, update.generation)
        self._show()

    async def _refresh(self) -> None:
        """Look names up again, and try ports again that could not be opened."""
        while True:
            await asyncio.sleep(self._settings.dns_refresh / 1000)
            known = set(self._resolver.problems)
            resolved = await self._resolver.refresh()
            self._report_new(known)
            if resolved is not None:
                self._publish(resolved, self._publication.latest_generation)
            if self._ports.problems and self._serve_ports():
                self._show()

    def _publish(self, resolved: Resolved, generation: int) -> None:
        """Send what has changed to all workers: sockets go before the table that no longer knows them, come after."""
        entries, changed = resolved.entries, resolved.changed
        self._checks.follow(entries, changed)
        delta = self._publication.take(entries, generation, changed)
        wanted = self._wanted.follow(entries, changed)
        if delta is None:
            if not self._publication.unsettled:
                self._in_force()
            return
        for port in self._ports.close(wanted):
            for place in self._places:
                place.unlisten(port=port)
        renumbered = self._roster.follow(entries, changed, self._publication.in_force.entries)
        for place in self._places:
            if renumbered:
                place.send(Agents(self._roster.numbers))
            place.send(delta)
        self._serve_ports()
        self._release_ports()
        self._settle()

    def _tell_down(self, down: tuple[Where, ...]) -> None:
        for place in self._places:
            place.send(Down(down))

    def _serve_ports(self) -> bool:
        """Open what is wanted and not open; tell whether anything was."""
        known = set(self._ports.problems)
        opened = self._ports.open(self._wanted.ports)
        for port in opened:
            self._log.info("listening", port=port.port, address=port.address)
            for place in self._places:
                self._deputy(place).listen(port, place.index)
        for problem in self._ports.problems:
            if problem not in known:
                self._report(problem)
        return bool(opened)

    def _release_ports(self) -> None:
        """Close ports that no worker accepts on any more."""
        for port in self._ports.leaving:
            if not any(place.serves(port) for place in self._places):
                self._ports.release(port)
                self._log.info("no longer listening", port=port)

    def _settle(self) -> None:
        """Put the latest snapshot in force once every worker that lives has it."""
        latest = self._publication.latest.version
        living = [place for place in self._places if place.alive]
        if living and all(place.applied == latest for place in living) and self._publication.unsettled:
            self._in_force()

    def _in_force(self) -> None:
        first = not self._publication.in_force.version
        change = self._publication.settle()
        self._log.info(
            "configuration in force",
            generation=self._publication.generation,
            version=self._publication.in_force.version,
            change=change,
        )
        self._show()
        if first:
            self._collector.rest()
        else:
            self._collector.worked()

    # Workers

    async def _keep(self, place: Place) -> None:
        """Keep one place filled."""
        loop = asyncio.get_running_loop()
        backoff = Backoff()
        while True:
            started = loop.time()
            try:
                self._begin(place)
            except OSError as error:
                # Of processes, memory or descriptors there are too few. That may pass, and the others serve on.
                wait = backoff.after(0)
                self._log.error("worker cannot be started", worker=place.index, error=error, next_in=f"{wait:g}s")
            else:
                code = await place.lost()
                wait = backoff.after(loop.time() - started)
                self._count_exit(place, code, wait)
            self._lend(place)
            await asyncio.sleep(wait)

    def _begin(self, place: Place) -> None:
        """Fill a place, the table before the sockets."""
        self._brief(place.fill())
        for port in self._ports.open_ports:
            place.listen(port, place.index)

    def _deputy(self, place: Place) -> Place:
        """Give the place itself, or where it has no process another that has one."""
        return next((one for one in (place, *self._places) if one.alive), place)

    def _lend(self, place: Place) -> None:
        """Let another worker accept on the sockets of one that is gone: the kernel goes on giving them their share.

        It gives them back when the next process has a table: what comes while that one starts would wait for it.
        """
        for port in self._ports.open_ports:
            self._deputy(place).listen(port, place.index)

    def _give_back(self, process: WorkerProcess) -> None:
        """Let nobody else accept on the sockets of a process that has a table."""
        if self._places[process.index].current is process:
            for other in self._places:
                if other.index != process.index:
                    other.unlisten(place=process.index)

    async def _watch(self) -> None:
        """Ask workers for signs of life; one that gives none is replaced, after it was asked where it is."""
        loop = asyncio.get_running_loop()
        most = self._settings.worker_silence / 1000
        asked: set[int] = set()
        while True:
            await asyncio.sleep(most / _ASKS)
            for place in self._places:
                silent = place.ask(loop.time())
                if silent >= most:
                    self._log.error(
                        "worker does not answer and is replaced", worker=place.index, silent=f"{silent:.1f}s"
                    )
                    place.kill()
                elif silent >= most / 2 and place.index not in asked:
                    asked.add(place.index)
                    self._log.warning("worker does not answer", worker=place.index, silent=f"{silent:.1f}s")
                    place.show_where()
                elif silent < most / 2:
                    asked.discard(place.index)

    def _count_exit(self, place: Place, code: int, wait: float) -> None:
        cause = exit_cause(code)
        self._exits[cause] = self._exits.get(cause, 0) + 1
        place.restarts += 1
        left = place.left_behind
        self._log.error(
            "worker died",
            worker=place.index,
            cause=cause,
            next_in=f"{wait:g}s",
            exchanges=left.exchanges,
            last_requests=" | ".join(left.requests) or None,
        )
        self._release_ports()
        self._settle()
        self._show()

    def _brief(self, process: WorkerProcess) -> None:
        """Tell a new process all that it needs but its sockets."""
        process.send(self._verbosity.current)
        process.send(Down(self._checks.down))
        process.send(Agents(self._roster.numbers))
        for message in self._publication.briefing():
            process.send(message)
        if self._draining:
            process.send(Drain())

    def _changed(self) -> None:
        self._release_ports()
        self._settle()
        self._show()

    def _begin_restart(self) -> str:
        """Begin a rolling restart; return why that cannot be, or nothing."""
        if self._draining or self._stop.is_set():
            return "the gateway is draining"
        if self._rolling.active:
            return "a restart is in progress"
        self._restart = self._background(self._rolling.run())
        return ""

    def _receive(self, process: WorkerProcess, message: ToSupervisor) -> None:
        match message:
            case Applied():
                self._give_back(process)
                self._settle()
                self._show()
            case Refused(version, error):
                self._refused(process, version, error)
            case Behind():
                for full in self._publication.briefing():
                    process.send(full)
            case Unlistened():
                self._release_ports()

    def _refused(self, process: WorkerProcess, version: int, error: str) -> None:
        problem = Problem("AGW3004", f"the workers refuse the configuration: {error}", hint="please report this")
        self._log.error("snapshot refused", worker=process.index, version=version, error=error)
        if version == self._publication.latest.version:
            self._publication.refuse((problem,))
        self._show()

    # The end

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_stop_signal, number)
        loop.add_signal_handler(signal.SIGHUP, self._on_reload_signal)
        loop.add_signal_handler(signal.SIGUSR2, self._on_restart_signal)

    def _on_stop_signal(self, number: signal.Signals) -> None:
        if self._stop.is_set():
            self._log.warning("second signal, stopping at once", signal=number.name)
            self._hurry.set()
        else:
            self._log.info("stopping", signal=number.name)
            self._stop.set()

    def _on_reload_signal(self) -> None:
        refresh = getattr(self._source, "refresh", None)
        if refresh is None:
            self._log.warning("nothing to read again: this configuration has no files")
            return
        self._log.info("reading the configuration again", signal="SIGHUP")
        result = refresh()
        if inspect.iscoroutine(result):
            self._background(result)

    def _on_restart_signal(self) -> None:
        refused = self._begin_restart()
        if refused:
            self._log.warning("no restart", reason=refused, signal="SIGUSR2")

    def _drain(self) -> None:
        if self._draining:
            return
        self._draining = True
        self._log.info("draining", exchanges=self._exchanges())
        for place in self._places:
            place.send(Drain())
        self._show()

    def _exchanges(self) -> int:
        return sum(place.exchanges() for place in self._places)

    async def _wind_down(self) -> None:
        """Let live exchanges end, and go on accepting meanwhile."""
        self._drain()
        loop = asyncio.get_running_loop()
        begun = loop.time()
        least = self._settings.drain_grace / 1000
        most = max(least, self._settings.drain_timeout / 1000)  # load balancers have been promised the grace
        while not self._hurry.is_set():
            passed = loop.time() - begun
            if passed >= most or (passed >= least and not self._exchanges()):
                break
            await asyncio.sleep(_LOOK)
        left = self._exchanges()
        if left:
            self._log.warning("drain ends with exchanges in progress", exchanges=left)

    async def _end(self, keepers: list[asyncio.Task[None]], others: list[asyncio.Task[None]]) -> None:
        running = [*keepers, *others, *((self._restart,) if self._restart else ())]
        for task in running:
            task.cancel()
        for place in self._places:
            if self._hurry.is_set():
                place.kill()
            place.send(Stop())
        emptied = [asyncio.ensure_future(place.empty()) for place in self._places]
        await asyncio.wait(emptied, timeout=_STOP_PATIENCE)
        for place in self._places:
            place.kill()
        await asyncio.gather(*running, *emptied, return_exceptions=True)
        self._ports.close_all()

    # Telling

    def _controls(self) -> Controls:
        told = self._verbosity
        return Controls(
            drain=self._drain,
            restart=self._begin_restart,
            level=lambda: told.level,
            set_level=told.set_level,
            access_log=lambda: told.access_log,
            set_access_log=told.set_access_log,
        )

    def _tell_workers(self, message: ToWorker) -> None:
        for place in self._places:
            place.send(message)

    def _show(self) -> None:
        state = self.state()
        if state.ready and not self._was_ready:
            self._was_ready = True
            self._log.info("ready", workers=len(self._places))
        if self._on_state is not None:
            self._on_state(state)

    def _report(self, problem: Problem) -> None:
        write = {Severity.ERROR: self._log.error, Severity.WARNING: self._log.warning}.get(
            problem.severity, self._log.info
        )
        write(str(problem))

    def _report_new(self, known: set[Problem]) -> None:
        for problem in self._resolver.problems:
            if problem not in known:
                self._report(problem)

    def _fault(self, error: BaseException) -> None:
        self._log.error("unexpected error", error=f"{type(error).__name__}: {error}", traceback=_traceback(error))

    def _background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(self._background_ended)
        return task

    def _background_ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._fault(error)
            self._failed = True
            self._stop.set()

    def _exposition(self) -> bytes:
        places = [place.values() for place in self._places]
        return metrics.render(
            [
                *metrics.worker_families(places),
                *metrics.agent_families(self._roster.figures()),
                *metrics.state_families(self.state(), self._exits, self._publication.results, self._rolling.replaced),
                *metrics.store_families(self._store.state() if self._store is not None else None),
                *metrics.check_families(self._checks.results, len(self._checks.down), self._checks.failing_open),
            ]
        )


def _traceback(error: BaseException) -> str:
    import traceback  # noqa: PLC0415 - needed only when something is broken

    return "".join(traceback.format_exception(error))
