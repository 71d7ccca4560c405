"""How much is told, while it runs: the level of the log, and whether requests have a line in the access log.

The supervisor keeps what is in force, so that a worker that starts later tells as much as the others. Where the access
log goes is a setting and stays it: nobody who reaches the admin port may choose a file.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from agw._fastpath.access_log import AccessLog
from agw.dataplane.frames import Logging
from agw.dataplane.logs import LEVELS, Log
from agw.errors import ConfigurationError, Problem
from agw.settings import Settings

OFF, STDOUT = "off", "stdout"
_STDOUT_FD = 1


class Verbosity:
    """What is in force. tell: called with each change, for the workers."""

    def __init__(self, settings: Settings, log: Log, tell: Callable[[Logging], None]) -> None:
        """Begin with the settings."""
        self.current = Logging(settings.log_level, settings.access_log != OFF)
        self._target = STDOUT if settings.access_log == OFF else settings.access_log
        self._log = log
        self._tell = tell

    @property
    def level(self) -> str:
        """The least level that is logged."""
        return self.current.level

    @property
    def access_log(self) -> str:
        """Where requests are logged now: off, stdout or a file."""
        return self._target if self.current.access_log else OFF

    def set_level(self, level: str) -> None:
        """Log from this level on; ValueError where there is none of that name."""
        if level not in LEVELS:
            raise ValueError("level must be one of " + ", ".join(LEVELS))
        self._change(Logging(level, self.current.access_log))

    def set_access_log(self, switch: str) -> None:
        """Switch the access log on or off; ValueError where it is neither. On without a target is stdout."""
        if switch not in ("on", "off"):
            raise ValueError("log must be on or off")
        self._change(Logging(self.current.level, switch == "on"))

    def _change(self, wanted: Logging) -> None:
        self.current = wanted
        # At the level that was asked for nobody might hear of it.
        self._log.set_level("info")
        self._log.info("logging changed", level=wanted.level, access_log=self.access_log)
        self._log.set_level(wanted.level)
        self._tell(wanted)


def open_access_log(settings: Settings, counters: memoryview) -> AccessLog:
    """Open the access log of one worker; OSError where the file cannot be opened."""
    path = "" if settings.access_log in (OFF, STDOUT) else os.path.abspath(settings.access_log)  # noqa: PTH100 - a str
    return AccessLog(path, _STDOUT_FD, counters=counters, starts=settings.access_log_starts)


def check_access_log(settings: Settings) -> None:
    """Raise ConfigurationError where the file of the access log cannot be opened: say so before anything is served."""
    if settings.access_log in (OFF, STDOUT):
        return
    try:
        os.close(os.open(settings.access_log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOCTTY, 0o640))
    except OSError as error:
        problem = Problem(
            code="AGW3008",
            message=f"the access log {settings.access_log} cannot be opened: {error.strerror or error}",
            hint="its folder must exist, and the user that runs agw must be able to write there",
        )
        raise ConfigurationError((problem,)) from error
