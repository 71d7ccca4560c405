"""No core dump, no debugger and no new privileges, unless they are asked for."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from tests.processes.gateway import agent, ask, entries, gateway

CORE = resource.prlimit(os.getpid(), resource.RLIMIT_CORE)


def status(pid):
    return dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())


def every_process(front):
    return (front.process.pid, *front.pids())


def test_neither_supervisor_nor_workers_leave_a_core(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log") as front:
        front.put(entries(upstream.port))
        for pid in every_process(front):
            assert resource.prlimit(pid, resource.RLIMIT_CORE) == (0, 0)
            assert status(pid)["NoNewPrivs"].strip() == "1"
            assert Path(f"/proc/{pid}").stat().st_uid == 0  # root's: nobody else may attach to it
        assert ask(front.connect()).status == 200


def test_core_dumps_can_be_had(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log", {"core_dumps": "true"}) as front:
        front.put(entries(upstream.port))
        for pid in every_process(front):
            assert resource.prlimit(pid, resource.RLIMIT_CORE) == CORE
            assert status(pid)["NoNewPrivs"].strip() == "1"
            assert Path(f"/proc/{pid}").stat().st_uid == os.getuid()
