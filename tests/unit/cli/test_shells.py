"""The completion scripts, tried in the shells that are installed here."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from agw.cli.app import COMMANDS, cli
from agw.cli.shells import SHELLS, script, verbs
from agw.settings import TABLE


def made(shell: str) -> str:
    return script(shell, verbs(cli, COMMANDS))


def bash(*words: str) -> list[str]:
    typed = " ".join(f"'{word}'" for word in words)
    program = (
        f"{made('bash')}\nCOMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; _agw; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes_commands_flags_and_values(tmp_path: Path) -> None:
    assert bash("agw", "c") == ["check", "controller", "completion"]
    assert bash("agw", "run", "--agen") == ["--agent"]
    assert bash("agw", "run", "--watch", "p") == ["poll"]
    assert bash("agw", "run", "--log-level", "w") == ["warning"]
    assert bash("agw", "check", "-o", "g") == ["github"]
    assert bash("agw", "completion", "z") == ["zsh"]
    assert bash("agw", "run", "--agent", "x") == []
    (tmp_path / "gateway.yaml").write_text("")
    assert bash("agw", "run", "-f", f"{tmp_path}/g") == [f"{tmp_path}/gateway.yaml"]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_setting_is_a_flag_in_every_script(shell: str) -> None:
    text = made(shell)
    for setting in TABLE:
        assert setting.name.replace("_", "-") in text


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_itself_reads_the_script(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    path = tmp_path / "script"
    path.write_text(made(shell))
    done = subprocess.run([shell, "-n", str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
