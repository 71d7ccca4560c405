"""A terminal that remembers: runs commands as a reader of the documentation types them, and keeps what they printed."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[3]
PATIENCE = 120  # seconds after which a command, or a condition, counts as stuck


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that has ended. command: as a person types it. output: both streams, as the terminal shows them."""

    command: str
    output: str
    code: int


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where commands run. shown: what a reader is told in place of a path or a name of this machine."""

    folder: Path
    shown: dict[str, str] = field(default_factory=dict)

    def run(self, command: str, *, code: int | None = 0) -> Ran:
        """Run a command line of a shell to its end; AssertionError where it ends otherwise. code: None = any."""
        done = subprocess.run(
            command,
            shell=True,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        ran = Ran(self._as_shown(command), self._as_shown(done.stdout), done.returncode)
        assert code is None or done.returncode == code, f"{command}\n{done.stdout}"
        return ran

    def until(self, command: str, pattern: str) -> Ran:
        """Repeat a command until its output matches; AssertionError with the last output where it does not in time."""
        deadline = time.monotonic() + PATIENCE
        while True:
            ran = self.run(command, code=None)
            if re.search(pattern, ran.output, re.MULTILINE):
                return ran
            assert time.monotonic() < deadline, f"{command}: no {pattern!r} in\n{ran.output}"
            time.sleep(0.25)

    def converse(self, command: str, answers: list[tuple[str, str]]) -> Ran:
        """Run a program that asks at a terminal. answers: what it asks, in turn, and what is typed then."""
        child, descriptor = pty.fork()
        if child == 0:
            os.chdir(self.folder)
            os.execvp("sh", ["sh", "-c", command])
        text = ""
        pending = list(answers)
        deadline = time.monotonic() + PATIENCE
        while (chunk := _read(descriptor, deadline)) is not None:
            text += chunk
            if pending and pending[0][0] in text.rpartition(_answered(answers, pending))[2]:
                os.write(descriptor, f"{pending.pop(0)[1]}\n".encode())
        os.close(descriptor)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return Ran(self._as_shown(command), self._as_shown(text.replace("\r\n", "\n")), code)

    def _as_shown(self, text: str) -> str:
        for real, told in self.shown.items():
            text = text.replace(real, told)
        return text


def _answered(answers: list[tuple[str, str]], pending: list[tuple[str, str]]) -> str:
    """The question that was answered last, so that the next is looked for after it."""
    number = len(answers) - len(pending)
    return answers[number - 1][0] if number else "\0"


def _read(descriptor: int, deadline: float) -> str | None:
    """Give what the program has printed; None at its end."""
    if not select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
        raise AssertionError("the program neither asks nor ends")
    try:
        return os.read(descriptor, 65536).decode(errors="replace") or None
    except OSError:  # EIO: a terminal whose other side is closed
        return None
