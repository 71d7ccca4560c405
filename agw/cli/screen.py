"""A whole terminal for a while: the alternate screen, one key at a time, and everything as it was afterwards.

Plain ANSI (ECMA-48) and termios, so that there is nothing to install and no terminal's description to be missing.

Rules: however the `with` block is left (its end, an exception, SIGINT, SIGTERM, SIGHUP), the terminal is as before: its
lines, its cursor, its echo. A frame is written in one go, over the last one, so that nothing flickers. No text that is
shown can move the cursor or change a colour: what cannot be printed becomes "?".
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import termios
import time
import tty
from collections.abc import Sequence
from types import FrameType, TracebackType
from typing import Any, Self

_ENTER = "\x1b[?1049h\x1b[?25l\x1b[2J"
_LEAVE = "\x1b[?25h\x1b[?1049l"
ENDED = "\x04"
"""Ctrl-D, as a key and as the end of the input."""

_ENDING = (signal.SIGTERM, signal.SIGHUP)


def printable(text: str) -> str:
    """Return a text that a terminal shows and does not obey."""
    return "".join(character if character.isprintable() else "?" for character in text)


class Screen:
    """The terminal of stdin and stdout."""

    def __init__(self) -> None:
        """Change nothing yet."""
        self._input = sys.stdin.fileno()
        self._output = sys.stdout.fileno()
        self._before: list[Any] = []
        self._handlers: dict[int, object] = {}

    def __enter__(self) -> Self:
        """Take the terminal."""
        self._before = termios.tcgetattr(self._input)
        for number in _ENDING:
            self._handlers[number] = signal.signal(number, _end)
        tty.setcbreak(self._input, termios.TCSADRAIN)
        attributes = termios.tcgetattr(self._input)
        # Stopped by Ctrl-Z it would leave its own screen to the shell.
        attributes[6][termios.VSUSP] = b"\0"
        termios.tcsetattr(self._input, termios.TCSADRAIN, attributes)
        self._write(_ENTER)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give it back, also where it is gone."""
        try:
            self._write(_LEAVE)
            termios.tcsetattr(self._input, termios.TCSADRAIN, self._before)
        except (OSError, termios.error):
            pass  # the window was closed: there is nothing to give back
        for number, handler in self._handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type] # what signal() returned

    def draw(self, lines: Sequence[str]) -> None:
        """Show these lines, cut at the bottom. They are no wider than `size` says."""
        _, height = self.size()
        body = "".join(f"{line}\x1b[0m\x1b[K\r\n" for line in lines[: height - 1])
        self._write(f"\x1b[H{body}\x1b[J")

    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        return shutil.get_terminal_size()

    def key(self, until: float) -> str:
        """Wait for a key until a time of time.monotonic(), which is ENDED where no input will come; "" where none came."""
        ready, _, _ = select.select([self._input], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            return ""
        return os.read(self._input, 1).decode("latin-1") or ENDED

    def _write(self, text: str) -> None:
        data = text.encode()
        while data:
            data = data[os.write(self._output, data) :]


def _end(number: int, _frame: FrameType | None) -> None:
    """Leave by an exception, so that the terminal is given back."""
    raise SystemExit(128 + number)
