"""Where the controller says what happens: the shape of a log, which the process that wires everything provides."""

from __future__ import annotations

from typing import Protocol


class Log(Protocol):
    """Takes events: a short fixed sentence, and what varies as fields. No field ever holds a credential."""

    def debug(self, event: str, **fields: object) -> None:
        """For someone who looks for a fault."""

    def info(self, event: str, **fields: object) -> None:
        """As it should be."""

    def warning(self, event: str, **fields: object) -> None:
        """To look at."""

    def error(self, event: str, **fields: object) -> None:
        """Does not work."""
