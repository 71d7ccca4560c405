"""Metrics in the Prometheus text format, made from the workers' shared memory.

The number of series is fixed by the tables here and in agw._fastpath.record: no label value comes from traffic.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import agw
from agw._fastpath.record import COUNTERS
from agw.dataplane.state import State

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Family:
    """A metric with its samples: label text (`name="value"`, empty without one) -> value."""

    name: str
    kind: str
    help: str
    samples: Mapping[str, float]


def worker_families(places: Sequence[tuple[int, ...]]) -> list[Family]:
    """Sum the counters over all workers. places: the counters of each worker, all of them."""
    families: dict[str, tuple[str, str, dict[str, float]]] = {}
    for index, name, label, kind, text in COUNTERS:
        samples = families.setdefault(name, (kind, text, {}))[2]
        samples[label] = sum(values[index] for values in places)
    return [Family(name, kind, text, samples) for name, (kind, text, samples) in families.items()]


def state_families(state: State, exits: Mapping[str, int], reloads: Mapping[str, int]) -> list[Family]:
    """Tell of the supervisor. exits: deaths of workers by cause. reloads: how configurations ended, by result."""
    serving = sum(1 for worker in state.workers if worker.version)
    return [
        Family("agw_build_info", "gauge", "The release that runs.", {f'version="{agw.__version__}"': 1}),
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
            {f'result="{result}"': count for result, count in reloads.items()},
        ),
        Family("agw_workers", "gauge", "Worker processes wanted.", {"": len(state.workers)}),
        Family("agw_workers_serving", "gauge", "Worker processes that have a configuration.", {"": serving}),
        Family(
            "agw_worker_exits_total",
            "counter",
            "Worker processes that ended unasked, by signal or exit code.",
            {f'cause="{cause}"': count for cause, count in exits.items()},
        ),
    ]


def render(families: Iterable[Family]) -> bytes:
    """Write the exposition format, version 0.0.4."""
    lines: list[str] = []
    for family in families:
        lines += (f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {family.kind}")
        for label, value in family.samples.items():
            lines.append(f"{family.name}{{{label}}} {_number(value)}" if label else f"{family.name} {_number(value)}")
    return ("\n".join(lines) + "\n").encode()


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
