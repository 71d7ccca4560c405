"""A gigabyte to a reader of 10 kB/s, and an upload to an agent that takes nothing of it.

Both must be slowed down to the slow side's pace, with a bounded buffer between: the worker's resident memory may grow by
256 KiB. What the kernel's sockets hold is not in it. The reader is watched for as long as it takes to see that the
memory has come to rest, not until the gigabyte is through.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench.trouble.proxies import Conditions
from bench.trouble.result import KIB, Check, Outcome, at_most
from bench.trouble.stage import Options, Proxy, on_stage, status

SIZE = 1_000_000_000
RATE = 10_000  # bytes/s
SECONDS = 12.0
WARM = 20
LIMIT = 256 * KIB
BLOCK = b"." * 65_536


@dataclass(frozen=True, slots=True)
class Found:
    """growth: of resident memory, bytes, once it has come to rest and at its highest. moved: bytes that were let in."""

    growth: int
    highest: int
    moved: int


class Mover(threading.Thread):
    """One end of the transfer, in a thread; `moved` counts."""

    def __init__(self, sock: socket.socket, *, upload: bool) -> None:
        """Send as fast as it is taken, or read at the rate."""
        super().__init__(daemon=True)
        self.sock, self.upload = sock, upload
        self.moved = 0
        self.going = True

    def run(self) -> None:
        """Until it is stopped."""
        with contextlib.suppress(OSError):
            while self.going:
                self.moved += self._send() if self.upload else self._read()

    def _send(self) -> int:
        try:
            return self.sock.send(BLOCK)
        except TimeoutError:
            return 0

    def _read(self) -> int:
        time.sleep(0.1)
        return len(self.sock.recv(RATE // 10))


@contextlib.contextmanager
def moving(proxy: Proxy, head: str, *, upload: bool) -> Iterator[Mover]:
    """A transfer that goes on for the length of a block. The reader's socket is small, so that it is not the buffer."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        sock.settimeout(0.2 if upload else 10)
        sock.connect(("127.0.0.1", proxy.port))
        sock.sendall(f"{head}\r\nHost: agents.example.com\r\nX-Nonce: bulk\r\n".encode())
        sock.sendall(f"Content-Length: {SIZE}\r\n\r\n".encode() if upload else b"\r\n")
        mover = Mover(sock, upload=upload)
        mover.start()
        yield mover
        mover.going = False
        mover.join(10)


def watch(name: str, options: Options, head: str, *, upload: bool) -> Found:
    """One transfer through one proxy, after some work that has allocated what is allocated once."""
    with on_stage(name, Conditions(), options) as proxy:
        for _ in range(WARM):
            status(proxy.port, "/a/big?bytes=200000")
        before, weights = proxy.weight().rss, []
        with moving(proxy, head, upload=upload) as mover:
            end = time.monotonic() + max(options.seconds(SECONDS), 4.0)
            while time.monotonic() < end:
                time.sleep(0.1)
                weights.append(proxy.weight().rss - before)
            moved = mover.moved
        return Found(weights[-1], max(weights), moved)


def run(options: Options) -> Outcome:
    """Both transfers through every proxy."""
    down = {name: watch(name, options, f"GET /a/big?bytes={SIZE} HTTP/1.1", upload=False) for name in options.peers}
    up = {name: watch(name, options, "POST /a/stall HTTP/1.1", upload=True) for name in options.peers}
    checks: list[Check] = []
    if "agw" in down:
        checks = [
            at_most("growth with a reader of 10 kB/s", down["agw"].highest / KIB, LIMIT / KIB, " KiB"),
            at_most("growth with an upload that nobody takes", up["agw"].highest / KIB, LIMIT / KIB, " KiB"),
        ]
    rows = {
        name: [
            f"{down[name].growth / KIB:.0f}",
            f"{down[name].highest / KIB:.0f}",
            f"{down[name].moved / 1000:.0f}",
            f"{up[name].growth / KIB:.0f}",
            f"{up[name].highest / KIB:.0f}",
            f"{up[name].moved / 1000:.0f}",
        ]
        for name in options.peers
    }
    return Outcome(
        "1 GB to a reader of 10 kB/s, and 1 GB to an agent that takes nothing: growth of resident memory",
        ("reader: KiB", "highest", "kB read", "upload: KiB", "highest", "kB let in"),
        rows,
        checks,
        [f"each watched for {max(options.seconds(SECONDS), 4.0):g} s"],
        figures={"reader": down, "upload": up},
    )
