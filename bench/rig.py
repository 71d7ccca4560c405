"""`python -m bench`: what agw, nginx, HAProxy, Envoy and a bare TCP relay cost, beside one another, in the scenarios that are asked for.

Everything about a scenario is a row of `bench/contests.py`. Here the chosen proxies are lined up for it, measured in
interleaved rounds, and what came of it is printed and kept. `--at-most nginx=1.0` makes the exit code 1 when the median
ratio of the scenario's first figure is higher: a regression gate that holds on any machine.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bench import OUT, RigError, goals, machine, report
from bench.contests import CONTESTS, Contest, Variant
from bench.field import Entry
from bench.kinds import Kind, Order, churn, closed, latency, startup, streams, throughput, weight
from bench.peers import DIRECT, PEERS, Peer, choose, earlier
from bench.procs import raise_file_limit
from bench.scenario import KEYS

MIN_ROUNDS = 8
KINDS: Mapping[str, Kind] = {
    "churn": churn.KIND,
    "closed": closed.KIND,
    "latency": latency.KIND,
    "startup": startup.KIND,
    "streams": streams.KIND,
    "throughput": throughput.KIND,
    "weight": weight.KIND,
}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m bench", description=__doc__.partition("\n")[0])
    options.add_argument("--list", action="store_true", help="say what scenarios there are, and end")
    options.add_argument("--scenarios", default="post300", help="which, with commas, or all (%(default)s)")
    options.add_argument("--peers", default=",".join(PEERS), help="which proxies, with commas (%(default)s)")
    options.add_argument("--subject", default="agw", help="whose ratio to the others is shown (%(default)s)")
    options.add_argument("--rounds", type=int, default=10, help="measured rounds after the warm-up (%(default)s)")
    options.add_argument("--requests", type=int, help="per proxy and round (what the scenario says)")
    options.add_argument("--before", type=Path, help="a checkout with another build of agw, to compare with as well")
    options.add_argument("--peer-auth", action="store_true", help="the others check the keys as well, in all scenarios")
    options.add_argument("--core", type=int, help="the proxies' core (the last one)")
    options.add_argument("--manifests", type=Path, help="what agw serves (what the scenario says)")
    options.add_argument(
        "--at-most", action="append", default=[], metavar="PEER=RATIO", type=limit, help="exit 1 above it"
    )
    options.add_argument("--goals", action="store_true", help="exit 1 where one of agw's goals is missed")
    options.add_argument("--out", type=Path, default=OUT, help="folder of the reports (%(default)s)")
    return options


def limit(text: str) -> tuple[str, float]:
    """`nginx=1.0` as a pair."""
    name, _, ratio = text.partition("=")
    return name, float(ratio)


def wanted(names: str) -> list[Contest]:
    """The scenarios that are asked for."""
    chosen = list(CONTESTS) if names == "all" else names.split(",")
    unknown = [name for name in chosen if name not in CONTESTS]
    if unknown:
        message = f"no such scenario: {', '.join(unknown)} (there are {', '.join(CONTESTS)})"
        raise RigError(message)
    return [CONTESTS[name] for name in chosen]


def who(contest: Contest, options: argparse.Namespace) -> tuple[list[Peer], list[str]]:
    """Who takes part in a scenario, and a line for each that was asked for and does not."""
    asked = options.peers.split(",")
    able = [name for name in asked if name in (contest.only or asked) and name not in contest.without]
    peers, notes = choose(able)
    if unable := [name for name in asked if name not in able]:
        notes.append(f"nothing to compare with in this scenario: {', '.join(unable)}")
    peers += [earlier(options.before.resolve())] if options.before else []
    return ([DIRECT] if KINDS[contest.kind].direct else []) + peers, notes


def written(variant: Variant, options: argparse.Namespace, home: Path) -> Path:
    """The file of what agw serves in a variant."""
    if options.manifests:
        given: Path = options.manifests
        return given
    path = home / f"{variant.label or 'manifests'}.yaml".replace(" ", "-")
    path.write_text(variant.manifests())
    return path


def entries(contest: Contest, peers: Sequence[Peer], options: argparse.Namespace, home: Path) -> list[Entry]:
    """Each proxy in each variant."""
    found = []
    for variant in contest.variants:
        scenario = variant.scenario()
        setup = replace(variant.setup(), manifests=written(variant, options, home))
        setup = replace(setup, keys=KEYS) if options.peer_auth and not setup.keys else setup
        found += [Entry(f"{peer.name} {variant.label}".strip(), peer, scenario, setup) for peer in peers]
    return found


def places(contest: Contest, peers: Sequence[Peer]) -> dict[str, report.Place]:
    """Which proxy, and which variant, each entry is."""
    return {
        f"{peer.name} {variant.label}".strip(): report.Place(peer.name, variant.label)
        for variant in contest.variants
        for peer in peers
    }


def compare(contest: Contest, options: argparse.Namespace) -> report.Comparison:
    """Line the proxies up for a scenario, measure, line them down."""
    kind = KINDS[contest.kind]
    peers, notes = who(contest, options)
    before = machine.look()
    if options.rounds < MIN_ROUNDS:
        notes.append(f"WARNING: fewer than {MIN_ROUNDS} rounds: a look, not a result")
    versions = {peer.name: peer.describe() for peer in peers}
    with tempfile.TemporaryDirectory(prefix="agw-bench-") as home:
        field = entries(contest, peers, options, Path(home))
        cores = machine.cores(options.core, max(entry.setup.workers for entry in field))
        steal = machine.Steal(cores.proxy)
        order = Order(contest, field, cores, options.rounds, options.requests or contest.requests)
        samples, said = kind.measure(order)
    notes += [*said, str(steal)]
    place = places(contest, peers)
    figures = kind.figures
    return report.Comparison(contest.about, options.subject, before, cores, versions, samples, notes, figures, place)


def verdicts(comparison: report.Comparison, limits: Sequence[tuple[str, float]]) -> list[str]:
    """A line for each peer whose median ratio is over its limit."""
    over = []
    for peer, most in limits:
        names = [name for name in comparison.samples if comparison.place(name).peer == peer]
        if not names:
            over.append(f"{peer} did not take part")
        for name in names:
            ratio = comparison.ratio(name).median
            if ratio > most:
                over.append(f"{comparison.subject} costs {ratio:.2f}x {name}; at most {most:.2f}x is wanted")
    return over


def listed() -> str:
    """The scenarios, a line each."""
    return "\n".join(f"{name:10} {contest.about}" for name, contest in CONTESTS.items())


def main(arguments: Sequence[str] | None = None) -> int:
    """0 measured, 1 could not measure or over a limit."""
    options = parser().parse_args(arguments)
    over = []
    if options.list:
        print(listed())
        return 0
    try:
        raise_file_limit()
        for contest in wanted(options.scenarios):
            print(f"{contest.name}: {contest.about}", file=sys.stderr, flush=True)
            comparison = compare(contest, options)
            reached = goals.judged(contest.name, comparison)
            comparison = replace(comparison, notes=[*comparison.notes, *(one.text for one in reached)])
            print(report.publish(comparison, options.out, contest.name), flush=True)
            over += verdicts(comparison, options.at_most)
            over += [f"{contest.name}: {one.text}" for one in reached if options.goals and not one.met]
    except RigError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    for line in over:
        print(line, file=sys.stderr)
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
