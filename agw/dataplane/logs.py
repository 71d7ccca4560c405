"""Log lines: one line per event, to stderr, as text or JSON.

Rules: an event is a short fixed sentence, what varies are its fields; a value never breaks the line. No field ever
holds a credential, a digest or a body: callers pass names, counts, addresses and problems. The standard library's
loggers (asyncio reports through them) end up in the same form.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import TextIO

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:/+~%@,*[]()")


class Log:
    """Writes events of one process. process: `supervisor`, or `worker 3`."""

    def __init__(
        self, level: str = "info", form: str = "text", stream: TextIO | None = None, process: str = ""
    ) -> None:
        """Write what is at least `level` in the given form, to stderr unless a stream is given."""
        self._least = LEVELS[level]
        self._render = _json_line if form == "json" else _text_line
        self._stream = stream
        self._process = process

    def set_level(self, level: str) -> None:
        """Write what is at least this from now on."""
        self._least = LEVELS[level]

    def debug(self, event: str, **fields: object) -> None:
        """Write what only someone who looks for a fault wants to read."""
        self._write("debug", event, fields)

    def info(self, event: str, **fields: object) -> None:
        """Write what happened as it should."""
        self._write("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Write what someone should look at."""
        self._write("warning", event, fields)

    def error(self, event: str, **fields: object) -> None:
        """Write what does not work."""
        self._write("error", event, fields)

    def _write(self, level: str, event: str, fields: dict[str, object]) -> None:
        if LEVELS[level] < self._least:
            return
        if self._process:
            fields = {"process": self._process, **fields}
        line = self._render(_now(), level, event, fields)
        stream = self._stream or sys.stderr
        try:
            stream.write(line + "\n")
            stream.flush()
        except (OSError, ValueError):
            # Whoever read the log went away; serving goes on without it.
            self._least = max(LEVELS.values()) + 1


class _StandardHandler(logging.Handler):
    """Brings records of the standard library's loggers into our form."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record, with its traceback where it has one."""
        write = self._log.error if record.levelno >= logging.ERROR else self._log.warning
        fields: dict[str, object] = {"logger": record.name}
        if record.exc_info:
            fields["traceback"] = logging.Formatter().formatException(record.exc_info)
        write(record.getMessage(), **fields)


def capture_standard_logging(log: Log) -> None:
    """Send warnings and errors of the standard library's loggers to this log."""
    logging.basicConfig(level=logging.WARNING, handlers=[_StandardHandler(log)], force=True)


def _now() -> str:
    now = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"


def _text_line(now: str, level: str, event: str, fields: dict[str, object]) -> str:
    tail = "".join(f" {name}={_quoted(value)}" for name, value in fields.items() if value is not None)
    return f"{now} {level.upper():7} {_one_line(event)}{tail}"


def _json_line(now: str, level: str, event: str, fields: dict[str, object]) -> str:
    record = {"time": now, "level": level, "event": event, **fields}
    return json.dumps({name: value for name, value in record.items() if value is not None}, default=str)


def _one_line(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def _quoted(value: object) -> str:
    text = str(value)
    return text if text and _PLAIN.issuperset(text) else json.dumps(text, ensure_ascii=not text.isprintable())
