"""The program of a worker process: `agw.dataplane.worker` without OpenSSL.

asyncio and uvloop load Python's `ssl`, and with it OpenSSL: 5 MB in each worker, and a tenth of its start. No worker ever
calls it: what is spoken to clients and agents is compiled, and the controller is the supervisor's to speak to. asyncio
does without where `ssl` cannot be imported. uvloop takes names from it when it is loaded, and uses them for nothing but
transports with TLS, which nobody opens here; so it finds a stand-in. Afterwards the name is free again: whoever
imports `ssl` later gets the real one.

Must not: be imported by what a process has besides a worker: what it does to `ssl` comes before all else.
"""

from __future__ import annotations

import sys
from types import ModuleType


class _Unavailable:
    """What stands for a class or function of `ssl`."""

    def __init__(self, *_arguments: object, **_named: object) -> None:
        message = "a worker process has no TLS of Python's: see agw.dataplane.worker_process"
        raise RuntimeError(message)


class _StandIn(ModuleType):
    """Has whatever uvloop looks for: numbers of errors where it wants those, else `_Unavailable`."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return 0 if name.startswith("SSL_ERROR_") else _Unavailable


def without_openssl() -> None:
    """Load asyncio and uvloop without `ssl`. See the module for why."""
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]  # None: cannot be imported
    modules["ssl"] = None
    __import__("asyncio")
    modules["ssl"] = _StandIn("ssl")
    __import__("uvloop")
    del modules["ssl"]


if __name__ == "__main__":
    without_openssl()
    from agw.dataplane.worker import main

    main()
