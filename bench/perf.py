"""`python -m bench.perf`: where a proxy's worker spends its time in a scenario of the rig, by perf.

Starts one proxy as the rig does, loads it for some seconds while perf samples its worker, prints the share of each
binary and the dearest functions, and draws a flame graph. The kernel's share is what the system calls cost, and nobody's to
save but by making fewer. Call chains come from a copy of the stack, since no released proxy keeps frame pointers.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench import OUT, RigError, flame, machine
from bench.contests import CONTESTS, Contest
from bench.field import Entrant, lined_up, run
from bench.kinds import streams
from bench.machine import Cores
from bench.peers import PEERS, choose
from bench.procs import usage
from bench.rig import entries

STACK = 16_384  # bytes that perf copies of it with each sample: libuv's loop keeps 12 KiB of events on it


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m bench.perf", description=__doc__.partition("\n")[0])
    options.add_argument("--peer", default="agw", choices=PEERS, help="which proxy (%(default)s)")
    options.add_argument("--scenario", default="post300", choices=CONTESTS, help="the traffic (%(default)s)")
    options.add_argument("--seconds", type=float, default=5.0, help="how long (%(default)s)")
    options.add_argument("--percent", type=float, default=0.7, help="least share of a function shown (%(default)s)")
    options.add_argument("--call-graph", default=f"dwarf,{STACK}", help="how perf follows calls (%(default)s; or fp)")
    options.add_argument("--peer-auth", action="store_true", help="nginx and HAProxy check the keys as well")
    options.add_argument("--manifests", type=Path, help="what agw serves (what the scenario says)")
    options.add_argument("--out", type=Path, default=OUT, help="folder of the samples (%(default)s)")
    return options


def perf(*arguments: str) -> str:
    """What perf prints."""
    done = subprocess.run(["perf", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        message = f"perf {arguments[0]} failed: {done.stderr.strip()}"
        raise RigError(message)
    return done.stdout


def rows(text: str) -> list[str]:
    """The lines of a perf report that are not comments."""
    return [line.rstrip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def slices(entrant: Entrant, seconds: float, size: int) -> int:
    """Load a proxy for so long, a slice at a time; the requests that were answered."""
    deadline, answered = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        answered += run(entrant, size).requests
    return answered


@contextlib.contextmanager
def loaded(entrant: Entrant, contest: Contest, cores: Cores) -> Iterator[Callable[[float], int]]:
    """A warm proxy; what loads it for some seconds, and says how many requests, or events, that were."""
    if contest.kind != "streams":
        slices(entrant, 0.5, contest.slice)
        yield lambda seconds: slices(entrant, seconds, contest.slice)
        return
    client = streams.client_of(entrant, cores, entrant.scenario.connections)
    try:
        client.ask("open")
        yield lambda seconds: int(client.ask(str(round(seconds * 1000)))["events"])
    finally:
        client.stop()


def record(entrant: Entrant, work: Callable[[float], int], options: argparse.Namespace, samples: Path) -> float:
    """Load the proxy while perf watches its workers; its CPU per request in us, perf's own disturbance included."""
    pids = ",".join(map(str, entrant.workers))
    argv = ["perf", "record", "-F", "1999", "--call-graph", options.call_graph, "-p", pids, "-o", str(samples)]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as watcher:
        before = usage(entrant.workers)
        count = work(options.seconds)
        spent = usage(entrant.workers).since(before)
        watcher.terminate()
        watcher.communicate()
    return spent.ran / count / 1000


def draw(samples: Path, picture: Path, title: str) -> None:
    """The flame graph of some samples."""
    # Of what is inlined perf tells no binary, and takes a second name of a library's function for inlined.
    stacks = flame.folded(perf("script", "--no-inline", "-i", str(samples), "-F", "ip,sym,dso"))
    picture.write_text(flame.drawn(f"{title}; {stacks.total():,} samples of CPU time", stacks))


def profile(options: argparse.Namespace) -> None:
    """Record and print."""
    if shutil.which("perf") is None:
        message = "perf is not installed: apt-get install --no-install-recommends linux-perf"
        raise RigError(message)
    peers, notes = choose([options.peer])
    if notes:
        raise RigError(notes[0])
    options.out.mkdir(parents=True, exist_ok=True)
    samples = options.out / f"perf-{options.peer}.data"
    contest = CONTESTS[options.scenario]
    picture = options.out / f"flame-{options.peer}-{contest.name}.svg"
    with tempfile.TemporaryDirectory(prefix="agw-bench-") as home:
        field = entries(contest, peers, options, Path(home))
        cores = machine.cores()
        with lined_up(field[:1], cores) as (entrant,), loaded(entrant, contest, cores) as work:
            cost = record(entrant, work, options, samples)
        report = ("report", "--stdio", "-i", str(samples), "--no-children", "-g", "none")
        binaries = rows(perf(*report, "--sort", "dso"))
        functions = rows(perf(*report, "--sort", "dso,symbol", "--percent-limit", str(options.percent)))
    draw(samples, picture, f"{options.peer}: {contest.about}")
    print(f"{options.peer}: {cost:.2f} us per request (or event) while perf watched\n\nby binary")
    print("\n".join(binaries[:12]))
    print("\nby function\n" + "\n".join(functions))
    print(f"\nsamples: {samples} (perf report -i, with call chains)\nflame graph: {picture}")


def main(arguments: Sequence[str] | None = None) -> int:
    """0 done, 1 not possible."""
    options = parser().parse_args(arguments)
    try:
        profile(options)
    except RigError as error:
        print(f"bench.perf: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
