"""Counting system calls."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from bench import RigError, calls

TOLD = "1200,,raw_syscalls:sys_enter,100,100.00,,\n7,,context-switches,100,100.00,,\n"


def test_what_perf_tells_is_read():
    assert calls.parse(TOLD) == {calls.CALLS: 1200, calls.SWITCHES: 7}


def test_a_machine_that_cannot_count_is_told():
    with pytest.raises(RigError, match="needs root"):
        calls.parse(TOLD.replace("1200", "<not supported>"))


def test_only_closed_loops_are_counted(capsys, monkeypatch):
    monkeypatch.setattr(calls.shutil, "which", lambda _name: "perf")
    assert calls.main(["--scenarios", "latency"]) == 1
    assert "latency is no closed loop; these are: post300" in capsys.readouterr().err


ASKED = "import os, sys\nfor line in sys.stdin: [os.getppid() for _ in range(int(line))]; print('done', flush=True)"


def test_what_is_counted_is_what_happens_in_the_block():
    if shutil.which("perf") is None or os.geteuid():
        pytest.skip("perf counts system calls for root alone")
    argv = [sys.executable, "-c", ASKED]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as child:

        def ask(times):
            child.stdin.write(f"{times}\n")
            assert child.stdout.readline() == "done\n"

        ask(5000)
        try:
            with calls.counted([child.pid]) as found:
                ask(100)
        except RigError as error:
            pytest.skip(str(error))
        finally:
            child.stdin.close()
    assert 100 <= found[calls.CALLS] < 200
