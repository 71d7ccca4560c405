"""`python -m bench.trouble`: what agw, nginx and HAProxy do under trouble, and whether agw keeps its promises."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench import OUT, RigError, machine
from bench.peers import choose
from bench.procs import raise_file_limit
from bench.trouble import (
    bulk,
    cap,
    held,
    reload,
    slow_body,
    slow_heads,
    slow_reader,
    stale,
    stop,
    upstream_killed,
    worker_killed,
)
from bench.trouble.result import Outcome, publish, text_of
from bench.trouble.stage import Options

SCENARIOS: Mapping[str, Callable[[Options], Outcome]] = {
    "held": held.run,
    "slow-heads": slow_heads.run,
    "slow-body": slow_body.run,
    "slow-reader": slow_reader.run,
    "cap": cap.run,
    "stale": stale.run,
    "upstream-killed": upstream_killed.run,
    "worker-killed": worker_killed.run,
    "stop": stop.run,
    "reload": reload.run,
    "bulk": bulk.run,
}
QUICK = 0.1


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m bench.trouble", description=__doc__.partition("\n")[0])
    options.add_argument("--only", default=",".join(SCENARIOS), help="which scenarios, with commas (%(default)s)")
    options.add_argument("--peers", default="nginx,haproxy,agw", help="which proxies, with commas (%(default)s)")
    options.add_argument("--quick", action="store_true", help="fewer connections, shorter loads: a look, not a result")
    options.add_argument("--core", type=int, help="the proxies' core (the last one)")
    options.add_argument("--out", type=Path, default=OUT, help="folder of the report (%(default)s)")
    return options


def chosen(text: str) -> list[str]:
    """Scenarios by name; RigError for one that there is not."""
    names = text.split(",")
    unknown = [name for name in names if name not in SCENARIOS]
    if unknown:
        message = f"no such scenario: {', '.join(unknown)} (there are {', '.join(SCENARIOS)})"
        raise RigError(message)
    return names


def play(options: argparse.Namespace) -> dict[str, Outcome]:
    """All chosen scenarios; the report grows with each."""
    names = chosen(options.only)
    raise_file_limit()
    peers, notes = choose(options.peers.split(","))
    cores, before = machine.cores(options.core), machine.look()
    notes += [f"{peer.name} {peer.describe()}".strip() for peer in peers]
    if options.quick:
        notes.append("WARNING: a quick run, at a tenth of the numbers: a look, not a result")
    given = Options([peer.name for peer in peers], cores, QUICK if options.quick else 1.0)
    outcomes: dict[str, Outcome] = {}
    for name in names:
        begun = time.monotonic()
        outcomes[name] = SCENARIOS[name](given)
        print(text_of(name, outcomes[name]), f"({time.monotonic() - begun:.0f} s)\n", sep="\n", flush=True)
        paths = publish(outcomes, notes, (before, cores), options.out)
    print("written: " + ", ".join(map(str, paths)))
    return outcomes


def main(arguments: Sequence[str] | None = None) -> int:
    """0: agw kept every promise; 1: it did not, or nothing could be measured."""
    try:
        outcomes = play(parser().parse_args(arguments))
    except RigError as error:
        print(f"bench.trouble: {error}", file=sys.stderr)
        return 1
    broken = [name for name, outcome in outcomes.items() if not outcome.kept]
    if broken:
        print(f"bench.trouble: promises broken in {', '.join(broken)}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
