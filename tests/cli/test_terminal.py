"""The output contract on a terminal, in a pipe and with NO_COLOR: same words, colour only where it belongs."""

from __future__ import annotations

import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.cli.agents import agent
from tests.cli.gateways import ROOT, agw, environment
from tests.ports import free_port

SEED = ROOT / "examples" / "seed"
BROKEN = ROOT / "tests" / "golden" / "broken" / "backend-missing.yaml"
PATIENCE = 120  # seconds, which only a fault reaches
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
COMMANDS = [
    ["--help"],
    ["--version"],
    ["check", "-f", str(SEED)],
    ["check", "-f", str(BROKEN)],
    ["explain", "-f", str(SEED), "GET", "http://localhost/"],
    ["settings"],
    ["help"],
    ["help", "AGW0"],
    ["completion", "bash"],
    ["run", "--agent", "https://x"],
    ["chekc"],
]


def on_terminal(*args: str, until: str = "", **more: str) -> tuple[int, str]:
    """Run on a terminal of its own; Ctrl-C once it has written `until`."""
    main, sub = pty.openpty()
    command = [sys.executable, "-m", "agw", *args]
    env = environment(TERM="xterm", COLUMNS="120", **more)
    with subprocess.Popen(
        command, stdin=sub, stdout=sub, stderr=sub, env=env, cwd=ROOT, start_new_session=True
    ) as process:
        os.close(sub)
        said, asked = b"", False
        impatience = threading.Timer(PATIENCE, process.kill)
        impatience.start()
        while chunk := _read(main):
            said += chunk
            if until and not asked and until.encode() in said:
                asked = True
                process.send_signal(signal.SIGINT)
        os.close(main)
        code = process.wait()
        impatience.cancel()
    return code, said.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # EIO: the other side is closed
        return b""


@pytest.mark.parametrize("args", COMMANDS, ids=lambda args: " ".join(map(os.path.basename, args)))
def test_a_terminal_a_pipe_and_no_color_say_the_same(args: list[str]) -> None:
    piped = agw(*args, COLUMNS="120")
    assert not COLOUR.search(piped.stdout + piped.stderr)
    plain_code, plain = on_terminal(*args, NO_COLOR="1")
    code, coloured = on_terminal(*args)
    assert code == plain_code == piped.returncode
    assert "\x1b" not in plain
    assert "\x1b" not in COLOUR.sub("", coloured), "something moves the cursor"
    assert COLOUR.sub("", coloured) == plain
    assert sorted(plain.split("\n")) == sorted((piped.stdout + piped.stderr).split("\n"))


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_a_document_is_alone_on_stdout_and_the_exit_code_the_same(form: str) -> None:
    for path in (SEED, BROKEN):
        text, document = agw("check", "-f", str(path)), agw("check", "-f", str(path), "-o", form)
        assert document.returncode == text.returncode
        assert document.stderr == ""
        assert document.stdout.startswith("{" if form == "json" else "ok:")


def test_annotations_name_file_line_and_column() -> None:
    done = agw("check", "-f", str(BROKEN), "-o", "github")
    assert done.returncode == 1
    assert done.stdout.startswith(f"::error file={BROKEN},line=23,col=13,title=AGW2032::")


def test_the_banner_of_a_terminal_has_the_made_key_and_ctrl_c_is_quiet(tmp_path: Path) -> None:
    with agent() as up:
        args = ("--agent", f"http://{up.authority}", "--key", "alice", "--listen", f"80=127.0.0.1:{free_port()}")
        code, said = on_terminal("run", *args, "--admin", "127.0.0.1:0", "--workers", "1", until="agent-card.json")
    assert code == 0
    assert "Traceback" not in said
    plain = COLOUR.sub("", said)
    assert "\x1b" not in plain
    key = plain.split("shown this once")[1].split("\n")[1]
    assert f"curl -H 'Authorization: Bearer {key}' " in plain
    assert "-> Echo Agent -> " in plain


@pytest.mark.skipif(shutil.which("head") is None, reason="needs head")
def test_a_reader_that_goes_away_is_no_traceback() -> None:
    program = f"{sys.executable} -m agw settings -o json | head -c 1"
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=False, env=environment())
    assert done.stderr == ""
