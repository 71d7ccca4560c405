"""What a configuration source hands over, and what the data plane tells about itself.

All values. The admin port, the start banner and the log are views of `State`; none of them looks into the supervisor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agw.errors import Problem
from agw.settings import Address
from agw.snapshot.model import Entry


@dataclass(frozen=True, slots=True)
class ConfigUpdate:
    """One result of reading and translating the configuration.

    entries: all Gateways' entries in one map; None where the configuration as a whole cannot be used, so that the last
    good one stays in force. problems: everything found, warnings too. generation: counts the attempts, from 1.
    changed: the keys (set, new or gone) that may differ from the last update that had entries; None where the source
    does not know, so that the maps are compared.
    """

    entries: Mapping[str, Entry] | None
    problems: tuple[Problem, ...] = ()
    generation: int = 0
    changed: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """What a source says of itself. text: where the configuration in force is from, and whether news can come.

    connected: whether they can.
    """

    text: str
    connected: bool


@dataclass(frozen=True, slots=True)
class WorkerState:
    """One worker. pid: 0 while there is none. version: of the snapshot that it serves, 0 before the first.

    draining: processes that it has replaced, and that still have something in progress.
    """

    index: int
    pid: int = 0
    version: int = 0
    restarts: int = 0
    draining: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """What is going on now.

    waiting_for: why `ready` is false, empty when it is true.
    generation: of the configuration in force. version: of its snapshot, which also counts changed addresses.
    problems: of the configuration in force and of running it. refused: why a newer configuration is not in force, and
    refused_generation which. origin: None where the source says nothing of itself.
    bound: listener port -> where it is served. admin: where the admin port is.
    """

    ready: bool = False
    waiting_for: str = "the first configuration"
    draining: bool = False
    generation: int = 0
    version: int = 0
    entries: Mapping[str, Entry] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    refused: tuple[Problem, ...] = ()
    refused_generation: int = 0
    origin: Origin | None = None
    bound: Mapping[int, Address] = field(default_factory=dict)
    admin: Address | None = None
    workers: tuple[WorkerState, ...] = ()
