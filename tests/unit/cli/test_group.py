"""The group: what it loads, how near misses and wrong usage are answered, what goes to which stream."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("asyncio", "uvloop", "rich", "yaml", "msgspec", "a2a")


def agw(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "agw", *args], capture_output=True, text=True, check=False, env={**BASE, **env}
    )


BASE = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ".", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}

LOADED = """
import sys
from agw.cli.app import cli
try:
    cli.main({args!r}, prog_name="agw")
except SystemExit as end:
    assert end.code == 0, end.code
heavy = [name for name in sys.modules if name.split(".")[0] in {heavy!r} or name.startswith("agw.dataplane")]
assert not heavy, heavy
"""


@pytest.mark.parametrize(
    "args",
    [
        ["--help"],
        ["--version"],
        ["completion", "bash"],
        ["completion", "zsh"],
        ["completion", "fish"],
        ["run", "--help"],
        ["check", "--help"],
        ["explain", "--help"],
        ["demo", "--help"],
        ["settings"],
    ],
    ids=" ".join,
)
def test_what_needs_nothing_loads_nothing(args: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(args=args, heavy=HEAVY)],
        capture_output=True,
        text=True,
        check=False,
        env=BASE,
    )
    assert done.returncode == 0, done.stderr


def test_help_lists_every_command() -> None:
    done = agw("--help")
    assert done.returncode == 0
    assert done.stderr == ""
    for name in ("demo", "run", "check", "explain", "settings", "completion", "help"):
        assert f"\n  {name} " in done.stdout


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["chekc"], "Did you mean 'agw check'?"),
        (["demmo"], "Did you mean 'agw demo'?"),
        (["xyzzy"], "'agw --help' lists the commands."),
        (["run", "--agnet", "http://x"], "Did you mean '--agent'?"),
        (["run", "--listen", "80"], "such as 80=127.0.0.1:8080"),
        (["run", "--listen", "80=127.0.0.1:1", "--listen", "80=127.0.0.1:2"], "given twice"),
        (["run", "--resolve", "agent=1.2.3.4"], "HOST:PORT=ADDR:PORT"),
        (["run"], "-f PATH or --agent URL"),
        (["run", "-f", "x", "--agent", "http://x"], "-f PATH or --agent URL"),
        (["run", "-f", "x", "--key", "alice"], "--key"),
        (["run", "-f", "x", "--header-deadline", "soon"], "--header-deadline 'soon'"),
        (["check"], "-f"),
        (["completion", "tcsh"], "'tcsh' is not one of"),
        (["help", "AGW9999"], "there is no code AGW9999"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_ends_with_2_and_says_what_was_meant(args: list[str], said: str) -> None:
    done = agw(*args)
    assert done.returncode == 2, done
    assert said in done.stderr.replace("\n", " ")
    assert done.stdout == ""


def test_a_bad_variable_is_named_with_every_other_one() -> None:
    done = agw("settings", AGW_MAX_BODY="many", AGW_WORKERS="-1")
    assert done.returncode == 2
    assert "AGW_MAX_BODY 'many'" in done.stderr
    assert "AGW_WORKERS '-1'" in done.stderr


def test_settings_shows_the_value_in_force() -> None:
    done = agw("settings", "-o", "json", AGW_MAX_BODY="8Mi")
    assert done.returncode == 0
    rows = {row["env"]: row for row in json.loads(done.stdout)}
    assert rows["AGW_MAX_BODY"]["value"] == "8Mi"
    assert rows["AGW_MAX_BODY"]["flag"] == "--max-body"


def test_help_explains_a_code_offline() -> None:
    done = agw("help", "agw1013")
    assert done.returncode == 0
    assert done.stdout.startswith("AGW1013: ")
    done = agw("help", "-o", "json")
    assert "AGW3001" in json.loads(done.stdout)


def test_colour_follows_the_flag_then_the_environment() -> None:
    assert "\x1b[" not in agw("help", "nope").stderr
    assert "\x1b[" in agw("help", "nope", "--color", "always").stderr
    assert "\x1b[" in agw("help", "nope", FORCE_COLOR="1").stderr
    assert "\x1b[" not in agw("help", "nope", FORCE_COLOR="1", NO_COLOR="1").stderr
    assert "\x1b[" not in agw("help", "nope", "--color", "never", FORCE_COLOR="1").stderr
