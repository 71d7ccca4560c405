"""File descriptors: as many as the system gives.

A login shell's soft limit is 1024, which would be a few hundred clients. The hard limit is what an administrator has
really set; going up to it needs no privilege, and workers inherit it.
"""

from __future__ import annotations

import resource
from dataclasses import replace

from agw.dataplane.logs import Log
from agw.settings import Settings

RESERVED = 64
"""Descriptors of a worker that belong to no connection: listening sockets, memory, the log, the runtime's own."""


def raise_limit() -> int:
    """Raise the soft limit to the hard one; return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def within_limit(settings: Settings, limit: int, log: Log) -> Settings:
    """Lower max_connections to what a worker has descriptors for: each connection may need one to its agent too."""
    most = max(1, (limit - RESERVED) // 2)
    if settings.max_connections <= most:
        return settings
    log.warning("the limit of open files lowers max_connections", open_files=limit, max_connections=most)
    return replace(settings, max_connections=most)
