"""`python -m bench.guard --against REV`: tells whether the working tree has become dearer than a revision, beyond noise.

The revision is built beside it (`bench/worktree.py`), and both serve the same load in interleaved rounds on the same core.
That is done several times over with new processes, since where a process happens to lie in memory makes it some percent
dearer or cheaper for as long as it lives.

The rule: in each scenario the ratios of what both cost in the same round are taken, and of their median a bootstrap
interval (new processes and rounds drawn again, see `bench/stats.py`). It is worse when the whole interval lies above
1 + `--allowed`; whatever is not that clear passes. One worse scenario makes the exit code 1; a run that could not
measure ends with 2, so that a broken machine is not taken for a slow commit.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import OUT, RigError, machine, report, worktree
from bench.contests import Contest
from bench.kinds import Order
from bench.procs import raise_file_limit
from bench.rig import KINDS, entries, wanted, who
from bench.stats import Interval, interval, rotated

ALLOWED = 0.03
CONFIDENCE = 0.98  # of the interval: one time in a hundred the truth lies above it, and one below
LEAST_STARTS, LEAST_ROUNDS = 3, 3  # under them an interval says nothing

Ratios = Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a scenario. ratios: the working tree's cost over the revision's, a list for each pair of processes."""

    scenario: str
    cost: Interval
    allowed: float
    ratios: Ratios

    @property
    def worse(self) -> bool:
        """Beyond doubt, by more than is allowed."""
        return self.cost.low > 1 + self.allowed

    @property
    def word(self) -> str:
        """The same, for people."""
        if self.worse:
            return "WORSE"
        if self.cost.high < 1 - self.allowed:
            return "better"
        return "as before" if self.cost.high <= 1 + self.allowed else "not worse beyond noise"

    def __str__(self) -> str:
        """The line that is printed."""
        cost = self.cost
        return f"{self.scenario}: {cost.median:.3f}x ({cost.low:.3f} to {cost.high:.3f})  {self.word}"


def judge(scenario: str, ratios: Ratios, allowed: float = ALLOWED) -> Verdict:
    """The rule; RigError where there are too few values for it."""
    if len(ratios) < LEAST_STARTS or min(map(len, ratios)) < LEAST_ROUNDS:
        message = f"at least {LEAST_STARTS} starts of {LEAST_ROUNDS} rounds are needed for a verdict"
        raise RigError(message)
    return Verdict(scenario, interval(ratios, CONFIDENCE), allowed, ratios)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m bench.guard", description=__doc__.partition("\n")[0])
    options.add_argument("--against", default="main", metavar="REV", help="the revision (%(default)s)")
    options.add_argument("--built", type=Path, help="a checkout that is built in place already, instead of a revision")
    options.add_argument("--scenarios", default="post300,post16k,fresh", help="which, with commas (%(default)s)")
    options.add_argument("--starts", type=int, default=5, help="pairs of processes (%(default)s)")
    options.add_argument("--rounds", type=int, default=6, help="measured rounds of each pair (%(default)s)")
    options.add_argument("--requests", type=int, help="of each process in a round (what the scenario says)")
    options.add_argument("--allowed", type=float, default=ALLOWED, help="what may become dearer (%(default)s)")
    options.add_argument("--always", action="store_true", help="measure even where nothing has changed")
    options.add_argument("--core", type=int, help="the proxies' core (the last one)")
    options.add_argument("--out", type=Path, default=OUT, help="folder of the report (%(default)s)")
    return options


def pair(contest: Contest, tree: Path, turn: int, options: argparse.Namespace) -> dict[str, list[float]]:
    """The ratios of one pair of new processes in each variant; who is started first changes from pair to pair."""
    kind = KINDS[contest.kind]
    asked = argparse.Namespace(peers="agw", before=tree, manifests=None, peer_auth=False)
    peers, _notes = who(contest, asked)
    with tempfile.TemporaryDirectory(prefix="agw-bench-") as home:
        field = rotated(entries(contest, peers, asked, Path(home)), turn)
        requests = options.requests or contest.requests
        samples, _said = kind.measure(Order(contest, field, machine.cores(options.core), options.rounds, requests))
    found = {}
    for variant in contest.variants:
        ours, theirs = (samples[f"{name} {variant.label}".strip()] for name in ("agw", "before"))
        costs = [[getattr(sample, kind.figures[0].of) for sample in own] for own in (ours, theirs)]
        if min(map(min, costs)) <= 0:
            message = f"{contest.name}: a ratio of {kind.figures[0].heading} means nothing where it is not above zero"
            raise RigError(message)
        found[", ".join(filter(None, (contest.name, variant.label)))] = [
            one / other for one, other in zip(*costs, strict=True)
        ]
    return found


def compare(tree: Path, options: argparse.Namespace) -> list[Verdict]:
    """All scenarios, a line printed for each as soon as it is known."""
    verdicts = []
    for contest in wanted(options.scenarios):
        pairs = [pair(contest, tree, turn, options) for turn in range(options.starts)]
        for name in pairs[0]:
            verdicts.append(judge(name, [ratios[name] for ratios in pairs], options.allowed))
            print(verdicts[-1], flush=True)
    return verdicts


def keep(verdicts: Sequence[Verdict], tree: Path, options: argparse.Namespace) -> None:
    """The report."""
    before = machine.look()
    cores = machine.cores(options.core)
    heads = ("scenario", "times its cost", "interval", "verdict")
    rows = [
        (one.scenario, f"{one.cost.median:.3f}", f"{one.cost.low:.3f} to {one.cost.high:.3f}", one.word)
        for one in verdicts
    ]
    how = f"{options.starts} pairs of processes, {options.rounds} rounds of each"
    title = f"What this tree takes over what {tree.name} takes"
    page = report.page_of(title, [*machine.header(before, cores), how], report.markdown_table(heads, rows))
    report.write(options.out, "guard", page, verdicts)


def guard(options: argparse.Namespace) -> int:
    """Build, measure, judge."""
    if stale := worktree.stale():
        message = f"not built since it was changed: {', '.join(stale)} (make build)"
        raise RigError(message)
    if not options.built and not options.always and worktree.same(options.against):
        print(f"nothing that is measured differs from {options.against}")
        return 0
    raise_file_limit()
    tree = options.built.resolve() if options.built else worktree.checkout(options.against)
    verdicts = compare(tree, options)
    keep(verdicts, tree, options)
    return 1 if any(one.worse for one in verdicts) else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """0 not worse, 1 worse, 2 could not measure."""
    options = parser().parse_args(arguments)
    try:
        return guard(options)
    except RigError as error:
        print(f"bench.guard: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
