"""`python -m bench.sse_delay`: how much later an event arrives than it would on the direct connection.

An agent sends events with a pause between them; each carries the time at which it was written, on the clock that all
processes of a machine share. One client reads a stream at a time: directly, then through each proxy, in turns. An event
that comes together with another one was held back by somebody, and is counted.
"""

from __future__ import annotations

import argparse
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import OUT, RigError, machine, report
from bench.peers import PEERS, Setup, choose
from bench.procs import free_port, started, wait_until
from bench.scenario import post
from bench.stats import rotated

KEY = "key-value-foo"
DIRECT = "direct"
SECONDS = 30
END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream as it arrived. delays: of its events, in us; merged: events that came together with the one before."""

    delays: tuple[float, ...]
    merged: int


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m bench.sse_delay", description=__doc__.partition("\n")[0])
    options.add_argument("--proxies", default="agw,relay,nginx,haproxy", help="which, with commas (%(default)s)")
    options.add_argument("--rounds", type=int, default=10, help="streams per proxy (%(default)s)")
    options.add_argument("--events", type=int, default=50, help="events per stream (%(default)s)")
    options.add_argument("--gap", type=float, default=10, help="ms between two events (%(default)s)")
    options.add_argument("--limit", type=float, help="fail where agw adds more ms than this at the median")
    options.add_argument("--out", type=Path, default=OUT, help="folder of the report (%(default)s)")
    options.add_argument("--agent", type=int, help=argparse.SUPPRESS)  # be the agent, on this port
    return options


def be_the_agent(port: int, events: int, gap: float) -> int:
    """Answer each POST with an event stream, one connection at a time, until ended."""
    with socket.create_server(("127.0.0.1", port)) as listening:
        while True:
            connection, _ = listening.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection:
                serve(connection, events, gap)


def serve(connection: socket.socket, events: int, gap: float) -> None:
    """Stream on one connection, then close it."""
    if not connection.recv(65_536):
        return
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    connection.sendall(head.encode())
    for _ in range(events):
        time.sleep(gap / 1000)
        event = b"data: %020d%s%s" % (time.monotonic_ns(), b" " * 100, END)
        connection.sendall(b"%x\r\n%s\r\n" % (len(event), event))
    connection.sendall(b"0" + END)


def read(port: int, events: int) -> Stream:
    """Read one stream; RigError where it is not whole."""
    delays: list[float] = []
    merged = 0
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        connection.sendall(post(key=KEY))
        pending = b""
        while not pending.endswith(b"0" + END):
            received = connection.recv(65_536)
            now = time.monotonic_ns()
            if not received:
                break
            pending += received
            came = 0
            while (at := pending.find(b"data: ")) >= 0 and END in pending[at:]:
                delays.append((now - int(pending[at + 6 : at + 26])) / 1000)
                pending = pending[pending.index(END, at) + len(END) :]
                came += 1
            merged += max(came - 1, 0)
    if len(delays) != events or not pending.endswith(b"0" + END):
        message = f"a stream of {events} events ended after {len(delays)}: {pending[:200]!r}"
        raise RigError(message)
    return Stream(tuple(delays), merged)


@contextmanager
def field(names: Sequence[str], options: argparse.Namespace) -> Iterator[dict[str, int]]:
    """Start the agent and the proxies; name -> port to connect to."""
    peers, notes = choose(names)
    for note in notes:
        print(note, file=sys.stderr)
    cores = machine.cores()
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="agw-bench-")))
        upstream = free_port()
        agent = [sys.executable, "-m", "bench.sse_delay", "--agent", str(upstream)]
        agent += ["--events", str(options.events), "--gap", str(options.gap)]
        stack.enter_context(started("agent", agent, cores.others, home / "agent.log"))
        ports = {DIRECT: upstream}
        for peer in peers:
            folder = home / peer.name
            folder.mkdir()
            setup = Setup(folder, free_port(), upstream)
            stack.enter_context(started(peer.name, PEERS[peer.name].command(setup), cores.proxy, folder / "log"))
            ports[peer.name] = setup.port
        for name, port in ports.items():
            wait_until(lambda port=port: streams(port, options.events), f"{name} streams", SECONDS)
        yield ports


def streams(port: int, events: int) -> bool:
    """Whether a whole stream comes from this port."""
    try:
        return bool(read(port, events).delays)
    except (OSError, RigError):
        return False


def measure(options: argparse.Namespace) -> dict[str, list[Stream]]:
    """All rounds: one stream of each in every round, in turns."""
    with field([name for name in options.proxies.split(",") if name], options) as ports:
        results: dict[str, list[Stream]] = {name: [] for name in ports}
        for turn in range(options.rounds):
            for name in rotated(list(ports), turn):
                results[name].append(read(ports[name], options.events))
    return results


COLUMNS = ("way", "median us", "99 % us", "added us", "merged")


def delays(streams: Sequence[Stream]) -> list[float]:
    """All delays of some streams, in us."""
    return sorted(delay for stream in streams for delay in stream.delays)


def added(results: dict[str, list[Stream]], name: str) -> float:
    """What a proxy adds to the direct connection's median, in us."""
    return statistics.median(delays(results[name])) - statistics.median(delays(results[DIRECT]))


def rows(results: dict[str, list[Stream]]) -> list[tuple[str, ...]]:
    """A row for each way."""
    found = []
    for name, streams_read in results.items():
        every = delays(streams_read)
        late = every[min(len(every) * 99 // 100, len(every) - 1)]
        merged = sum(stream.merged for stream in streams_read)
        median = statistics.median(every)
        found.append((name, f"{median:.0f}", f"{late:.0f}", f"{added(results, name):+.0f}", str(merged)))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """0 measured, 1 could not measure, an event was lost, or agw is over the limit."""
    options = parser().parse_args(arguments)
    if options.agent:
        return be_the_agent(options.agent, options.events, options.gap)
    before, cores = machine.look(), machine.cores()
    try:
        results = measure(options)
    except RigError as error:
        print(f"bench.sse_delay: {error}", file=sys.stderr)
        return 1
    title = f"Delay of an event: {options.rounds} streams of {options.events} events, {options.gap:g} ms apart"
    lines = machine.header(before, cores)
    page = report.page_of(title, lines, report.markdown_table(COLUMNS, rows(results)))
    paths = report.write(options.out, "sse_delay", page, results)
    print(report.text_of(title, lines, report.aligned(COLUMNS, rows(results))))
    print("\nwritten: " + ", ".join(map(str, paths)))
    return int(options.limit is not None and "agw" in results and added(results, "agw") > options.limit * 1000)


if __name__ == "__main__":
    sys.exit(main())
