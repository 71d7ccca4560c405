"""What a reader must know about the machine before believing a figure from it."""

from __future__ import annotations

import gzip
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import RigError


@dataclass(frozen=True, slots=True)
class Machine:
    """The header of a report. load: the three load averages when the run began; others at work show there."""

    cpu: str
    cores: int
    kernel: str
    python: str
    virtual: bool
    load: tuple[float, float, float]
    irq_accounted: bool
    when: str


@dataclass(frozen=True, slots=True)
class Cores:
    """Who runs where: the proxies on one core, one at a time under load; the load and the agent on the others."""

    proxy: tuple[int, ...]
    others: tuple[int, ...]

    @property
    def shared(self) -> bool:
        """Whether the proxy has no core to itself."""
        return bool(set(self.proxy) & set(self.others))


def cores(wanted: int | None = None, count: int = 1) -> Cores:
    """The last usable core for the proxies (or the wanted one), the rest for the load and the agent.

    count: a proxy may have so many cores; load and agent share them where no others are left.
    """
    usable = sorted(os.sched_getaffinity(0))
    first = usable[-1] if wanted is None else wanted
    if first not in usable:
        message = f"core {first} is not usable; these are: {usable}"
        raise RigError(message)
    spare = [core for core in reversed(usable) if core != first]
    proxy = (first, *spare[: count - 1])
    return Cores(proxy, tuple(core for core in usable if core not in proxy) or tuple(usable))


def field_of(text: str, name: str) -> str:
    """The first value of a `name : value` line in /proc/cpuinfo."""
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def irq_accounting() -> bool:
    """Whether this kernel takes interrupt time out of a process's time, which would hide part of the network's cost."""
    config = Path("/proc/config.gz")
    try:
        text = gzip.decompress(config.read_bytes()).decode()
    except OSError:
        try:
            text = Path(f"/boot/config-{platform.release()}").read_text()
        except OSError:
            return False
    return "CONFIG_IRQ_TIME_ACCOUNTING=y" in text


def parse_steal(text: str, core: int) -> tuple[int, int]:
    """Of a core in /proc/stat: time that the hypervisor gave to other guests, and all time, in ticks."""
    for line in text.splitlines():
        name, *ticks = line.split()
        if name == f"cpu{core}":
            return int(ticks[7]), sum(map(int, ticks[:8]))
    message = f"/proc/stat does not know core {core}"
    raise RigError(message)


class Steal:
    """What the hypervisor takes from the proxies' core from now on; as text, its share until then."""

    def __init__(self, core: Sequence[int]) -> None:
        """Begin to count."""
        self.core = core[0]
        self.before = self.read()

    def read(self) -> tuple[int, int]:
        """Stolen and all ticks so far."""
        return parse_steal(Path("/proc/stat").read_text(), self.core)

    def __str__(self) -> str:
        """The note for a report. Stolen time is in everybody's figures, as it is in any figure from a rented machine."""
        stolen, whole = (now - then for now, then in zip(self.read(), self.before, strict=True))
        return f"the hypervisor took {stolen / max(whole, 1):.1%} of the proxies' core for other guests meanwhile"


def look() -> Machine:
    """This machine, now."""
    info = Path("/proc/cpuinfo").read_text()
    return Machine(
        cpu=field_of(info, "model name") or platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        kernel=platform.release(),
        python=platform.python_version(),
        virtual="hypervisor" in field_of(info, "flags").split(),
        load=os.getloadavg(),
        irq_accounted=irq_accounting(),
        when=time.strftime("%Y-%m-%d %H:%M:%S %z"),
    )


def header(machine: Machine, cores: Cores) -> list[str]:
    """The lines that stand over every table."""
    where = f"{machine.cores} cores{' of a virtual machine' if machine.virtual else ''}"
    load = " ".join(f"{average:.2f}" for average in machine.load)
    others = ", ".join(map(str, cores.others))
    lines = [
        f"{machine.cpu}, {where}, Linux {machine.kernel}, Python {machine.python}, {machine.when}",
        f"load average before: {load}; proxies on core {', '.join(map(str, cores.proxy))}, load and agent on core {others}",
    ]
    if cores.shared:
        lines.append("WARNING: load and agent share the proxies' cores: the figures hold only beside each other")
    if machine.load[0] > machine.cores / 2:
        lines.append("WARNING: others are at work on this machine: trust the ratios, not the microseconds")
    if machine.irq_accounted:
        lines.append("WARNING: this kernel keeps interrupt time apart: part of the network's cost is in no figure here")
    return lines
