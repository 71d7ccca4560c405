"""Metrics in the Prometheus text format, made from the workers' shared memory.

The number of series is fixed by the tables here and in agw._fastpath.record, and by that of the agents that have figures
of their own (agw.dataplane.agents): no label value comes from traffic.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import agw
from agw._fastpath.record import BUCKETS_US, COUNTERS, HISTOGRAM_OVER, HISTOGRAM_SUM, HISTOGRAMS
from agw.dataplane.agents import Figures
from agw.dataplane.limit_store import StoreState
from agw.dataplane.state import State

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MICROSECONDS = 1_000_000
PEAK = "peak"
"""Kind of a counter that is a greatest value: over several workers the greatest, not the sum."""


@dataclass(frozen=True, slots=True)
class Family:
    """A metric with its samples: what follows the name (`{name="value"}`, empty without a label) -> value.

    A sample of a histogram says which of its series it is, too: `_bucket{le="1"}`, `_sum`, `_count`.
    """

    name: str
    kind: str
    help: str
    samples: Mapping[str, float]


def labelled(label: str) -> str:
    """Return the key of a sample with this label text."""
    return f"{{{label}}}" if label else ""


def worker_families(places: Sequence[tuple[int, ...]]) -> list[Family]:
    """Sum the counters over all workers. places: the counters of each worker, all of them."""
    families: dict[str, tuple[str, str, dict[str, float]]] = {}
    for index, name, label, kind, text in COUNTERS:
        values = [place[index] for place in places]
        total: float = max(values, default=0) if kind == PEAK else sum(values)
        samples = families.setdefault(name, ("gauge" if kind == PEAK else kind, text, {}))[2]
        samples[labelled(label)] = total / MICROSECONDS if "_seconds" in name else total
    told = [Family(name, kind, text, samples) for name, (kind, text, samples) in families.items()]
    return told + [_histogram(name, text, [place[first:] for place in places]) for first, name, text in HISTOGRAMS]


def _histogram(name: str, text: str, places: Sequence[tuple[int, ...]]) -> Family:
    """Make the cumulative buckets that Prometheus wants of ours, which are not: a worker raises one per request."""
    samples: dict[str, float] = {}
    count = 0
    for slot, bound in enumerate(BUCKETS_US):
        count += sum(place[slot] for place in places)
        samples[f'_bucket{{le="{bound / MICROSECONDS:g}"}}'] = count
    count += sum(place[HISTOGRAM_OVER] for place in places)
    samples['_bucket{le="+Inf"}'] = count
    samples["_sum"] = sum(place[HISTOGRAM_SUM] for place in places) / MICROSECONDS
    samples["_count"] = count
    return Family(name, "histogram", text, samples)


def agent_families(agents: Sequence[Figures]) -> list[Family]:
    """Tell of each agent that has figures of its own, and of the others together."""
    told = [(f'agent="{_escaped(each.agent)}"', each) for each in agents]
    return [
        Family(
            "agw_agent_requests_total",
            "counter",
            "Requests ended, by agent and outcome: ok, refused (by the gateway), agent_error (its status), failed, client_left.",
            {labelled(f'{who},outcome="{how}"'): count for who, each in told for how, count in each.outcomes.items()},
        ),
        Family(
            "agw_agent_requests_by_version_total",
            "counter",
            "The same, by agent and the protocol version that the client names; 0.3 where it names none.",
            {labelled(f'{who},version="{word}"'): count for who, each in told for word, count in each.versions.items()},
        ),
        Family(
            "agw_agent_requests_by_operation_total",
            "counter",
            "The same, by agent and A2A operation; unknown is what is none, or was not read.",
            {
                labelled(f'{who},operation="{word}"'): count
                for who, each in told
                for word, count in each.operations.items()
            },
        ),
        Family(
            "agw_agent_task_states_total",
            "counter",
            "Answers that were read, by agent and the last state of a task that they told.",
            {labelled(f'{who},state="{state}"'): count for who, each in told for state, count in each.states.items()},
        ),
        Family(
            "agw_agent_seconds",
            "summary",
            "From a request's head to its end, by agent; streams are left out.",
            {
                sample: value
                for who, each in told
                for sample, value in ((f"_sum{{{who}}}", each.seconds), (f"_count{{{who}}}", each.ended))
            },
        ),
        Family(
            "agw_agent_first_byte_seconds",
            "summary",
            "From a request's head to the head of the answer, by agent.",
            {
                sample: value
                for who, each in told
                for sample, value in (
                    (f"_sum{{{who}}}", each.first_byte_seconds),
                    (f"_count{{{who}}}", sum(each.first_byte)),
                )
            },
        ),
        Family(
            "agw_agent_in_flight",
            "gauge",
            "Requests in progress, by agent; streams too.",
            {labelled(who): each.in_flight for who, each in told},
        ),
        Family(
            "agw_agent_streams",
            "gauge",
            "Event streams open, by agent.",
            {labelled(who): each.streams for who, each in told},
        ),
        Family(
            "agw_agent_streams_total",
            "counter",
            "Event streams begun, by agent.",
            {labelled(who): each.streams_begun for who, each in told},
        ),
        Family(
            "agw_agent_cards_unread_total",
            "counter",
            "Agent cards passed on with the agent's own URLs, as they could not be read: see the log, by agent.",
            {labelled(who): each.cards_unread for who, each in told},
        ),
    ]


def _escaped(value: str) -> str:
    """Return a text as a label's value may stand."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def state_families(
    state: State, exits: Mapping[str, int], reloads: Mapping[str, int], replaced: int = 0
) -> list[Family]:
    """Tell of the supervisor. exits: deaths of workers by cause. reloads: how configurations ended, by result.

    replaced: workers that rolling restarts put a fresh process in the place of.
    """
    serving = sum(1 for worker in state.workers if worker.version)
    subscribed = {} if state.origin is None else {"": int(state.origin.connected)}
    return [
        Family("agw_build_info", "gauge", "The release that runs.", {labelled(f'version="{agw.__version__}"'): 1}),
        Family("agw_ready", "gauge", "1 while traffic should come here.", {"": int(state.ready)}),
        Family("agw_config_generation", "gauge", "Generation of the configuration in force.", {"": state.generation}),
        Family(
            "agw_config_last_reload_successful",
            "gauge",
            "1 where the newest configuration is in force.",
            {"": int(not state.refused and state.version > 0)},
        ),
        Family(
            "agw_config_reloads_total",
            "counter",
            "Configurations taken, by how that ended.",
            {labelled(f'result="{result}"'): count for result, count in reloads.items()},
        ),
        Family(
            "agw_config_connected",
            "gauge",
            "1 while `agw proxy` is connected to the controller; not there with `agw run`.",
            subscribed,
        ),
        Family("agw_workers", "gauge", "Worker processes wanted.", {"": len(state.workers)}),
        Family("agw_workers_serving", "gauge", "Worker processes that have a configuration.", {"": serving}),
        Family(
            "agw_workers_draining",
            "gauge",
            "Replaced worker processes that still have something in progress.",
            {"": sum(worker.draining for worker in state.workers)},
        ),
        Family("agw_worker_replacements_total", "counter", "Worker processes replaced on demand.", {"": replaced}),
        Family(
            "agw_worker_exits_total",
            "counter",
            "Worker processes that ended unasked, by signal or exit code.",
            {labelled(f'cause="{cause}"'): count for cause, count in exits.items()},
        ),
    ]


def check_families(results: Mapping[str, int], down: int, failing_open: int) -> list[Family]:
    """Tell of active checks. results: checks made, by result. down: endpoints. failing_open: Backends with all down."""
    return [
        Family(
            "agw_checks_total",
            "counter",
            "Active checks of endpoints, by result.",
            {labelled(f'result="{result}"'): count for result, count in results.items()},
        ),
        Family("agw_endpoints_down", "gauge", "Endpoints that active checks hold to be down.", {"": down}),
        Family(
            "agw_backends_failing_open",
            "gauge",
            "Backends all of whose endpoints are down by their checks, so that all are used.",
            {"": failing_open},
        ),
    ]


def store_families(store: StoreState | None) -> list[Family]:
    """Tell of the store of rate limits over pods; None: there is none."""
    if store is None:
        return []
    return [
        Family(
            "agw_limit_store_reached", "gauge", "1 while the store of rate limits is reached.", {"": int(store.reached)}
        ),
        Family("agw_limit_store_rounds_total", "counter", "Times that it was told what was taken.", {"": store.rounds}),
        Family(
            "agw_limit_store_failures_total", "counter", "Times that it could not be reached.", {"": store.failures}
        ),
    ]


def render(families: Iterable[Family]) -> bytes:
    """Write the exposition format, version 0.0.4."""
    lines: list[str] = []
    for family in families:
        lines += (f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {family.kind}")
        lines += (f"{family.name}{which} {_number(value)}" for which, value in family.samples.items())
    return ("\n".join(lines) + "\n").encode()


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
