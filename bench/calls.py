"""`python -m bench.calls`: how many system calls a request takes, and how often the worker slept for it, beside the others.

The kernel counts them for the proxy's workers (perf's tracepoints), which makes each call dearer; so this is a run of its own,
and no CPU time of it is shown. Most of what a proxied request costs is the kernel's, and calls are what a proxy can
save of it: one fewer shows here at once, where microseconds need many rounds.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import OUT, RigError, machine, report
from bench.contests import CONTESTS, Contest
from bench.field import Entrant, lined_up, run
from bench.peers import PEERS
from bench.procs import raise_file_limit
from bench.report import Figure
from bench.rig import entries, places, wanted, who
from bench.stats import rotated

CALLS, SWITCHES = "raw_syscalls:sys_enter", "context-switches"


@dataclass(frozen=True, slots=True)
class Count:
    """One round over one proxy: system calls per request of its workers, and how often they left their core."""

    calls: float
    switches: float


FIGURES = (
    Figure("calls", "system calls/request", versus=True),
    Figure("switches", "switches/request", ".3f"),
)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m bench.calls", description=__doc__.partition("\n")[0])
    options.add_argument("--scenarios", default="post300,c1,post16k,post1m", help="closed loops (%(default)s)")
    options.add_argument("--peers", default=",".join(PEERS), help="which proxies, with commas (%(default)s)")
    options.add_argument("--rounds", type=int, default=3, help="(%(default)s)")
    options.add_argument("--before", type=Path, help="a checkout with another build of agw, to compare with as well")
    options.add_argument("--out", type=Path, default=OUT, help="folder of the reports (%(default)s)")
    options.set_defaults(peer_auth=False, manifests=None)
    return options


def parse(text: str) -> dict[str, int]:
    """The lines of `perf stat -x,`: a value, its unit, the event's name, and more."""
    found = {}
    for line in text.splitlines():
        value, _unit, name, *_rest = [*line.split(","), "", ""]
        if name in {CALLS, SWITCHES} and value.isdigit():
            found[name] = int(value)
    if len(found) != 2:
        message = f"perf cannot count system calls here (it needs root): {text.strip()}"
        raise RigError(message)
    return found


@contextlib.contextmanager
def counted(pids: Sequence[int]) -> Iterator[dict[str, int]]:
    """What the kernel counted for some processes in the block; there when it has ended."""
    found: dict[str, int] = {}
    orders, order = os.pipe()
    answer, answers = os.pipe()
    argv = ["perf", "stat", "-x,", "-e", f"{CALLS},{SWITCHES}", "-D", "-1", "--control", f"fd:{orders},{answers}"]
    argv += ["-p", ",".join(map(str, pids))]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, pass_fds=(orders, answers)) as child:
        os.close(orders)
        os.close(answers)  # so that the end of perf is the end of its answers
        try:
            for word in ("enable", "disable"):
                with contextlib.suppress(BrokenPipeError):
                    os.write(order, f"{word}\n".encode())
                os.read(answer, 16)
                if word == "enable":
                    yield found
        finally:
            child.send_signal(signal.SIGINT)
            told = child.communicate()[1]
            os.close(order)
            os.close(answer)
    found.update(parse(told))


def count(entrant: Entrant, contest: Contest) -> Count:
    """One slice over one proxy."""
    with counted(entrant.workers) as found:
        requests = run(entrant, contest.slice).requests
    return Count(found[CALLS] / requests, found[SWITCHES] / requests)


def compare(contest: Contest, options: argparse.Namespace) -> report.Comparison:
    """All proxies in a scenario."""
    peers, notes = who(contest, options)
    cores, before = machine.cores(), machine.look()
    with (
        tempfile.TemporaryDirectory(prefix="agw-bench-") as home,
        lined_up(entries(contest, peers, options, Path(home)), cores) as entrants,
    ):
        samples: dict[str, list[Count]] = {entrant.name: [] for entrant in entrants}
        for number in range(options.rounds + 1):
            for entrant in rotated(entrants, number):
                samples[entrant.name].append(count(entrant, contest))
    notes.append(f"{options.rounds} rounds of {contest.slice} requests after a warm-up")
    return report.Comparison(
        title=contest.about,
        subject="agw",
        machine=before,
        cores=cores,
        versions={peer.name: peer.describe() for peer in peers},
        samples={name: own[1:] for name, own in samples.items()},
        notes=notes,
        figures=FIGURES,
        places=places(contest, peers),
    )


def count_all(options: argparse.Namespace) -> None:
    """Count in each scenario, print and keep; RigError where that is not possible."""
    if shutil.which("perf") is None:
        message = "perf is not installed: apt-get install --no-install-recommends linux-perf"
        raise RigError(message)
    raise_file_limit()
    for contest in wanted(options.scenarios):
        if contest.kind != "closed":
            closed = ", ".join(name for name, one in CONTESTS.items() if one.kind == "closed")
            message = f"{contest.name} is no closed loop; these are: {closed}"
            raise RigError(message)
        print(report.publish(compare(contest, options), options.out, f"calls-{contest.name}"), flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """0 counted, 1 not possible."""
    try:
        count_all(parser().parse_args(arguments))
    except RigError as error:
        print(f"bench.calls: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
