"""A real Valkey (or Redis, which speaks the same) that a test starts, stops and starts again."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

PROGRAM = shutil.which("valkey-server") or shutil.which("redis-server")
needs_a_store = pytest.mark.skipif(
    PROGRAM is None, reason="no valkey-server or redis-server here (apt-get install redis-server)"
)
LIMIT = 20


class Store:
    """One server on a loopback port that stays its own over restarts. Nothing is kept on disk."""

    def __init__(self, folder: Path, password: str = "") -> None:
        self.folder = folder
        self.password = password
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"valkey://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, empty, and wait until it takes connections."""
        argv = [str(PROGRAM), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        argv += ["--dir", str(self.folder)]
        if self.password:
            argv += ["--requirepass", self.password]
        with (self.folder / "store.log").open("ab") as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log)
        end = time.monotonic() + LIMIT
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            assert time.monotonic() < end, "the store does not start"
            time.sleep(0.01)  # between two looks

    def stop(self) -> None:
        """Kill it as the kernel would: no word to anybody."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
