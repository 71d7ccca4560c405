"""What a hardened process gives up, asked of the kernel by the process itself."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, os, resource, sys
from pathlib import Path
from agw.dataplane.harden import harden
hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
harden(core_dumps=sys.argv[1] == "true")
dumpable, no_new_privs = ctypes.CDLL(None).prctl(3), ctypes.CDLL(None).prctl(39, 0, 0, 0, 0)
Path("/proc/self/status").read_text()
os.listdir("/proc/self/fd")
print(dumpable, no_new_privs, *resource.getrlimit(resource.RLIMIT_CORE), flush=True)
os.abort()
"""


@pytest.mark.parametrize(("core_dumps", "told"), [("false", "0 1 0 0"), ("true", None)])
def test_a_hardened_process_leaves_no_core(tmp_path, core_dumps, told):
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, core_dumps],
        stdout=subprocess.PIPE,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    text = process.stdout.read().decode().strip()
    process.stdout.close()
    _, status = os.waitpid(process.pid, 0)
    process.returncode = status
    assert text == (told or f"1 1 {hard} {hard}")
    assert os.WIFSIGNALED(status)
    assert not (core_dumps == "false" and os.WCOREDUMP(status))
    assert core_dumps == "true" or list(tmp_path.iterdir()) == []
