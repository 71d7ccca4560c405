"""The output contract: what goes where, in which form, with which colour, and how a command ends.

Payload goes to stdout, diagnostics to stderr. Text output has one `Label: value` a line or a plain table; `-o json`
is one document; `-o yaml` the same as YAML. Exit codes are those of the official A2A command line, so that scripts
treat both alike. Colour is on for a terminal alone, unless NO_COLOR, FORCE_COLOR or --color says otherwise; nothing
here moves the cursor.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import IO, Any

import click


class Exit(IntEnum):
    """How a command ends."""

    OK = 0
    FAILED = 1  # refused or failed
    USAGE = 2
    UNREACHABLE = 3
    UNAUTHORISED = 4
    TIMED_OUT = 5
    INTERRUPTED = 130  # 128 + SIGINT, as shells report it


class Failure(click.ClickException):
    """A command cannot do what it was asked; shown as `error: ...` and `hint: ...` on stderr."""

    def __init__(self, message: str, *, hint: str = "", code: Exit = Exit.FAILED) -> None:
        """Keep the message, what to do about it and the exit code."""
        super().__init__(message)
        self.hint = hint
        self.code = code

    def show(self, file: IO[Any] | None = None) -> None:
        """Write both lines."""
        target = file or sys.stderr
        style = Style.of(target)
        click.echo(f"{style.error('error:')} {self.message}", file=target, color=style.on)
        if self.hint:
            click.echo(f"{style.dim('hint:')} {self.hint}", file=target, color=style.on)


class Style:
    """Colours, or none: the same calls either way."""

    choice = "auto"  # what --color said: auto | always | never

    def __init__(self, *, on: bool) -> None:
        """Colour when `on`."""
        self.on = on

    @classmethod
    def of(cls, stream: IO[Any], env: Mapping[str, str] | None = None) -> Style:
        """Return the style of a stream: --color, then NO_COLOR, then FORCE_COLOR, then whether it is a terminal."""
        env = os.environ if env is None else env
        if cls.choice != "auto":
            return cls(on=cls.choice == "always")
        if env.get("NO_COLOR"):
            return cls(on=False)
        if env.get("FORCE_COLOR"):
            return cls(on=env["FORCE_COLOR"] != "0")
        return cls(on=stream.isatty() and env.get("TERM") != "dumb")

    def _paint(self, text: str, **attributes: Any) -> str:  # noqa: ANN401 - click's own keywords
        return click.style(text, **attributes) if self.on else text

    def bold(self, text: str) -> str:
        """What a reader looks for."""
        return self._paint(text, bold=True)

    def dim(self, text: str) -> str:
        """What is there to be looked up."""
        return self._paint(text, dim=True)

    def good(self, text: str) -> str:
        """Something that is as it should be."""
        return self._paint(text, fg="green")

    def error(self, text: str) -> str:
        """Something that is refused."""
        return self._paint(text, fg="red", bold=True)

    def warning(self, text: str) -> str:
        """Something to look at."""
        return self._paint(text, fg="yellow")


def emit(document: Any, form: str) -> None:  # noqa: ANN401 - any JSON-like value
    """Write a document to stdout as JSON or YAML."""
    if form == "yaml":
        import yaml  # noqa: PLC0415 - only this form pays for it

        click.echo(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=1000), nl=False)
        return
    import json  # noqa: PLC0415 - only this form pays for it

    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return rows as aligned columns, two spaces apart; the last column is as long as it likes."""
    lines = [tuple(header), *(tuple(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def note(text: str) -> None:
    """Write a diagnostic line to stderr."""
    click.echo(text, err=True, color=Style.of(sys.stderr).on)
