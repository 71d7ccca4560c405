"""`python -m bench.rig`: what a request costs agw, nginx, HAProxy and a bare TCP relay, in one run.

In a round the proxies take turns, a slice of load at a time and in rotating order; the first round warms up and is dropped. The figure is the CPU time of the proxy's worker per request, and its ratio to each peer in the same round.
`--at-most nginx=1.0` makes the exit code 1 when the median ratio is higher: a regression gate that holds on any machine.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import OUT, RigError, machine, report
from bench.field import Entrant, Entry, Sample, Slice, lined_up, run, sample
from bench.peers import PEERS, SEED, Peer, Setup, choose, earlier
from bench.procs import raise_file_limit
from bench.scenario import SCENARIOS, Scenario
from bench.stats import rotated

MIN_ROUNDS = 8
SLICE = 5_000  # requests: about a tenth of a second


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m bench.rig", description=__doc__.partition("\n")[0])
    options.add_argument("--peers", default=",".join(PEERS), help="which proxies, with commas (%(default)s)")
    options.add_argument("--subject", default="agw", help="whose ratio to the others is shown (%(default)s)")
    options.add_argument("--scenario", default="post300", choices=SCENARIOS, help="the traffic (%(default)s)")
    options.add_argument("--rounds", type=int, default=10, help="measured rounds after the warm-up (%(default)s)")
    options.add_argument("--requests", type=int, default=40_000, help="requests per proxy and round (%(default)s)")
    options.add_argument("--before", type=Path, help="a checkout with another build of agw, to compare with as well")
    options.add_argument("--peer-auth", action="store_true", help="nginx and HAProxy check the keys as well")
    options.add_argument("--core", type=int, help="the proxies' core (the last one)")
    options.add_argument("--manifests", type=Path, default=SEED, help="what agw serves (%(default)s)")
    options.add_argument(
        "--at-most", action="append", default=[], metavar="PEER=RATIO", type=limit, help="exit 1 above it"
    )
    options.add_argument("--out", type=Path, default=OUT, help="folder of the reports (%(default)s)")
    return options


def limit(text: str) -> tuple[str, float]:
    """`nginx=1.0` as a pair."""
    name, _, ratio = text.partition("=")
    return name, float(ratio)


def one_round(entrants: Sequence[Entrant], number: int, requests: int) -> dict[str, Sample]:
    """Load all proxies in turn, a slice at a time, until each has had its requests; the order rotates."""
    slices: dict[str, list[Slice]] = {entrant.name: [] for entrant in entrants}
    turns = -(-requests // SLICE)
    for turn in range(turns):
        for entrant in rotated(entrants, number * turns + turn):
            slices[entrant.name].append(run(entrant, min(SLICE, requests - turn * SLICE)))
    return {name: sample(own) for name, own in slices.items()}


def measure(entrants: Sequence[Entrant], rounds: int, requests: int) -> dict[str, list[Sample]]:
    """All rounds; the warm-up is round 0 and not among the samples."""
    samples: dict[str, list[Sample]] = {entrant.name: [] for entrant in entrants}
    for number in range(rounds + 1):
        results = one_round(entrants, number, requests)
        costs = ", ".join(f"{name} {result.worker_us:.2f}" for name, result in sorted(results.items()))
        print(f"{f'round {number}/{rounds}' if number else 'warm-up'}: {costs} us", file=sys.stderr, flush=True)
        for name, result in results.items() if number else ():
            samples[name].append(result)
    return samples


def entry(peer: Peer, scenario: Scenario, options: argparse.Namespace) -> Entry:
    """A proxy as the command line wants it."""
    return Entry(peer.name, peer, scenario, Setup(Path(), 0, 0, auth=options.peer_auth, manifests=options.manifests))


def compare(options: argparse.Namespace) -> report.Comparison:
    """Line the proxies up, measure, line them down."""
    scenario = SCENARIOS[options.scenario]
    peers, notes = choose(options.peers.split(","))
    peers += [earlier(options.before)] if options.before else []
    cores, before = machine.cores(options.core), machine.look()
    keys = "check the keys too" if options.peer_auth else "check no key (--peer-auth makes them)"
    notes.append(f"{options.rounds} rounds of {options.requests} requests after a warm-up; nginx and HAProxy {keys}")
    if options.rounds < MIN_ROUNDS:
        notes.append(f"WARNING: fewer than {MIN_ROUNDS} rounds: a look, not a result")
    versions = {peer.name: peer.describe() for peer in peers}
    with lined_up([entry(peer, scenario, options) for peer in peers], cores) as entrants:
        steal = machine.Steal(cores.proxy)
        samples = measure(entrants, options.rounds, options.requests)
        notes.append(str(steal))
    title = f"CPU time of the proxy per request: {scenario.about}"
    return report.Comparison(title, options.subject, before, cores, versions, samples, notes)


def verdicts(comparison: report.Comparison, limits: Sequence[tuple[str, float]]) -> list[str]:
    """A line for each peer whose median ratio is over its limit."""
    over = []
    for name, most in limits:
        ratio = comparison.ratio(name).median
        if ratio > most:
            over.append(f"{comparison.subject} costs {ratio:.2f}x {name}; at most {most:.2f}x is wanted")
    return over


def main(arguments: Sequence[str] | None = None) -> int:
    """0 measured, 1 could not measure or over a limit."""
    options = parser().parse_args(arguments)
    try:
        raise_file_limit()
        comparison = compare(options)
        print(report.publish(comparison, options.out, f"rig-{options.scenario}"))
        over = verdicts(comparison, options.at_most)
    except RigError as error:
        print(f"bench.rig: {error}", file=sys.stderr)
        return 1
    for line in over:
        print(line, file=sys.stderr)
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
