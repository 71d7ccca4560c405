"""The gateway in the room that a careful operator gives it: no capability, a root file system that nobody can write."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e import gateway as e2e
from tests.e2e.gateway import FOO, SEED, gateway, resolve_to
from tests.e2e.people import get

# The new root is this one, read-only, in a mount namespace of its own; then every privilege is given up.
ROOM = (
    *("unshare", "--mount", "sh", "-c", 'mount -o remount,ro,bind / && exec "$@"', "sh"),
    *("setpriv", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"),
)


def is_possible() -> bool:
    """Whether such a room can be made here: it takes root, and the two tools."""
    if os.geteuid() or not all(map(shutil.which, ("unshare", "setpriv"))):
        return False
    return subprocess.run([*ROOM, "true"], check=False, capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(not is_possible(), reason="needs root, unshare and setpriv")


def facts(pid: int) -> dict[str, str]:
    """What the kernel says of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def family(pid: int) -> list[int]:
    """A process and its children."""
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def test_it_serves_with_no_capability_on_a_file_system_that_it_cannot_write(tmp_path, monkeypatch, scene):
    behind, _ = scene.pair("1")
    monkeypatch.setattr(e2e, "AGW", (*ROOM, *e2e.AGW))
    with gateway(tmp_path, "-f", str(SEED), resolve_to(behind.port), workers=2) as front:
        path, key = "/.well-known/agent-card.json", {"Authorization": f"Bearer {FOO}"}
        assert get(front.port, path, key)[0] == 200
        assert get(front.port, path)[0] == 401
        processes = family(front.process.pid)
        assert len(processes) == 3
        for pid in processes:
            told = facts(pid)
            assert {name: int(told[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapInh")} == {
                "CapEff": 0, "CapPrm": 0, "CapBnd": 0, "CapInh": 0,
            }  # fmt: skip
            assert told["NoNewPrivs"] == "1"
            roots = [line.split() for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
            assert all("ro" in line[5].split(",") for line in roots if line[4] == "/")


def test_the_image_gives_it_no_more_than_it_needs():
    text = (e2e.ROOT / "Dockerfile").read_text()
    last = text[text.rindex("\nFROM ") :]
    assert "\nUSER 10101:10101\n" in last
    assert "--no-create-home" in last
    assert "apt-get" not in last
