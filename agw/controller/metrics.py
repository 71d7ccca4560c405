"""What the controller counts, as text for Prometheus.

Rules: names and labels are few and fixed: no object's name is ever a label. Counters only go up while the process
lives; gauges are read when they are asked for.

Must not: know what is counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping

HELP: Mapping[str, tuple[str, str]] = {
    "agw_controller_leader": ("gauge", "1 where this replica leads."),
    "agw_controller_objects": ("gauge", "Objects that are known, by kind."),
    "agw_controller_translations_total": ("counter", "Translations of a batch of changes."),
    "agw_controller_translation_seconds_total": ("counter", "Time that translations took."),
    "agw_controller_changes_total": ("counter", "Objects that came, changed or went, by kind."),
    "agw_controller_status_writes_total": ("counter", "Writes of a status, by kind and result."),
    "agw_controller_provisioning_writes_total": ("counter", "Writes of what is made for Gateways, by kind and result."),
    "agw_controller_published_total": ("counter", "Versions of a Gateway's configuration that were published."),
    "agw_controller_pending": ("gauge", "Objects that wait to be written, by queue."),
    "agw_controller_unreadable": ("gauge", "Objects that cannot be decoded."),
    "agw_controller_data_planes": ("gauge", "Data planes that are connected."),
}
Labels = tuple[tuple[str, str], ...]
Gauges = Mapping[str, Mapping[str, float]]
"""Values of gauges: by metric, by the label's value; "" for a metric without one."""

_GAUGE_LABEL = {"agw_controller_objects": "kind", "agw_controller_pending": "queue"}


class Metrics:
    """Counters of one process. read: gives the gauges when they are asked for."""

    def __init__(self, read: Callable[[], Gauges]) -> None:
        """Begin at zero."""
        self._read = read
        self._counts: defaultdict[tuple[str, Labels], float] = defaultdict(float)

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""
        self._counts[name, tuple(sorted(labels.items()))] += amount

    def value(self, name: str, **labels: str) -> float:
        """Return a counter; with fewer labels than it has, the sum."""
        wanted = set(labels.items())
        return sum(value for (known, has), value in self._counts.items() if known == name and wanted <= set(has))

    def text(self) -> str:
        """Return all in the text format of Prometheus 0.0.4."""
        gauges = self._read()
        lines: list[str] = []
        for name, (kind, meaning) in HELP.items():
            samples = {labels: value for (known, labels), value in sorted(self._counts.items()) if known == name}
            label = _GAUGE_LABEL.get(name, "")
            samples |= {((label, key),) if key else (): value for key, value in gauges.get(name, {}).items()}
            if samples:
                lines += [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
                lines += [f"{name}{_labels(labels)} {value:g}" for labels, value in samples.items()]
        return "\n".join(lines) + "\n"


def _labels(labels: Labels) -> str:
    return "{" + ",".join(f'{key}="{value}"' for key, value in labels) + "}" if labels else ""
