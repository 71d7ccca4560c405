"""`python -m bench.large`: what a message of 64 MiB does to a worker's memory, and whether it arrives as it was sent.

The gateway reads the message's operation as it passes, with and without a policy that decides by it, and with the
method as the first member and as the last. The agent takes it in its own time and answers with the SHA-256 of what came.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import RigError, report
from bench.manifests import degree
from bench.peers import PEERS, Setup
from bench.procs import Process, free_port, memory, started, wait_until
from bench.scenario import KEYS
from bench.trouble.stage import status

MIB = 1 << 20
LIMIT = 256 * 1024
PIECE = b"x" * MIB
SECONDS = 120


@dataclass(frozen=True, slots=True)
class Found:
    """One message. growth: of the worker's resident memory at its highest, bytes. same: it arrived as it was sent."""

    kind: str
    method: str
    size: int
    growth: int
    same: bool


def message(mebibytes: int, *, first: bool) -> Iterator[bytes]:
    """A message/send with a text of that size, its method before or behind it."""
    method = b'"jsonrpc":"2.0","id":1,"method":"message/send"'
    front, back = (b"{" + method + b",", b"}") if first else (b"{", b"," + method + b"}")
    yield (
        front + b'"params":{"message":{"kind":"message","role":"user","messageId":"m","parts":[{"kind":"text","text":"'
    )
    for _ in range(mebibytes):
        yield PIECE
    yield b'"}]}}' + back


class Agent(threading.Thread):
    """Reads a body in blocks, with a pause now and then, and answers with its digest."""

    def __init__(self) -> None:
        """Listen at once."""
        super().__init__(daemon=True)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])

    def run(self) -> None:
        """One connection after the other, each for as long as it lasts."""
        while True:
            connection, _ = self._listening.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            while line := stream.readline():
                left = 0
                while line.strip():
                    if line.lower().startswith(b"content-length:"):
                        left = int(line[15:])
                    line = stream.readline()
                digest = hashlib.sha256()
                while left and (block := stream.read(min(left, MIB // 4))):
                    digest.update(block)
                    left -= len(block)
                    time.sleep(0.005)  # an agent that takes its time: what the worker keeps meanwhile is weighed
                answer = digest.hexdigest().encode()
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))


def send(port: int, mebibytes: int, *, first: bool) -> bool:
    """Send one; whether its digest came back."""
    size = sum(map(len, message(mebibytes, first=first)))
    digest = hashlib.sha256()
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as sock:
        head = f"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nX-API-Key: {KEYS[1]}\r\n"
        sock.sendall(f"{head}Content-Length: {size}\r\n\r\n".encode())
        for piece in message(mebibytes, first=first):
            digest.update(piece)
            sock.sendall(piece)
        wanted, got = digest.hexdigest().encode(), b""
        while not got.endswith(wanted):
            block = sock.recv(65_536)
            if not block:
                break
            got += block
    return got.startswith(b"HTTP/1.1 200") and got.endswith(wanted)


def watch(kind: str, mebibytes: int, folder: Path, *, first: bool) -> Found:
    """One gateway, one message to warm it up, one that is weighed."""
    agent = Agent()
    agent.start()
    path = folder / f"{kind}.yaml"
    path.write_text(degree(kind))
    setup = Setup(folder, free_port(), agent.port, manifests=path)
    with started("agw", PEERS["agw"].command(setup), None, folder / f"{kind}.log") as process:
        wait_until(lambda: status(setup.port, "/") in {200, 401, 403, 503}, "agw serves", 30)
        send(setup.port, 1, first=first)
        with weighed(process) as highest:
            same = send(setup.port, mebibytes, first=first)
    return Found(kind, "first" if first else "last", mebibytes, highest[0], same)


@contextlib.contextmanager
def weighed(process: Process) -> Iterator[list[int]]:
    """Look at the worker's memory for the length of a block; gives how far it grew at its highest."""
    [worker] = [pid for pid in process.workers() if pid != process.pid]
    before, highest, going = memory(worker).rss, [0], threading.Event()

    def look() -> None:
        while not going.wait(0.02):
            highest[0] = max(highest[0], memory(worker).rss - before)

    looking = threading.Thread(target=look)
    looking.start()
    yield highest
    going.set()
    looking.join()


def main(arguments: Sequence[str] | None = None) -> int:
    """0 within the limit and whole, 1 not, or could not measure."""
    options = argparse.ArgumentParser(prog="python -m bench.large", description=__doc__.partition("\n")[0])
    options.add_argument("--mebibytes", type=int, default=64, help="size of the message (%(default)s)")
    size = options.parse_args(arguments).mebibytes
    try:
        with tempfile.TemporaryDirectory(prefix="agw-bench-") as folder:
            cases = [("a2a", True), ("a2a", False), ("decided", True)]
            found = [watch(kind, size, Path(folder), first=first) for kind, first in cases]
    except RigError as error:
        print(f"bench.large: {error}", file=sys.stderr)
        return 1
    columns = ("gateway", "method", "MiB", "growth KiB", "arrived as sent")
    rows = [(each.kind, each.method, str(each.size), f"{each.growth / 1024:.0f}", str(each.same)) for each in found]
    print(report.aligned(columns, rows))
    return int(any(each.growth > LIMIT or not each.same for each in found))


if __name__ == "__main__":
    sys.exit(main())
