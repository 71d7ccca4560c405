"""`python -m bench.cluster [--only route,secrets] [--quick]`: the probes of a whole cluster, and their report."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from bench import OUT, RigError, machine
from bench.cluster.faults import faults
from bench.cluster.routes import change, many, probe
from bench.cluster.secrets import secrets
from bench.cluster.stage import Stage, stage
from bench.trouble.result import Outcome, publish, text_of

PROBES: dict[str, Callable[[Stage, bool], Outcome]] = {
    "route": lambda here, quick: probe(here, 20 if quick else 1000, 100 if quick else 5000),
    "change": lambda here, quick: change(here, 20 if quick else 1000),
    "many": lambda here, quick: many(here, 200 if quick else 5000),
    "faults": lambda here, quick: faults(here, 5 if quick else 60),
    "secrets": lambda here, quick: secrets(here, 3 if quick else 20),
}


ABOUT = ("cluster", "Probes of a whole cluster")


def play(options: argparse.Namespace) -> dict[str, Outcome]:
    """The chosen probes, each on a stage of its own; the report grows with each."""
    where = machine.look(), machine.cores()
    notes = ["WARNING: a quick run, with few of everything: a look, not a result"] if options.quick else []
    outcomes: dict[str, Outcome] = {}
    for name in options.only.split(","):
        with stage() as here:
            outcomes[name] = PROBES[name](here, options.quick)
        print(text_of(name, outcomes[name]), flush=True)
        publish(outcomes, notes, where, options.out, ABOUT)
    return outcomes


def main() -> int:
    """0: every promise is kept; 1: one is not, or nothing could be measured."""
    options = argparse.ArgumentParser(prog="python -m bench.cluster", description=__doc__)
    options.add_argument("--only", default=",".join(PROBES), help="probes, with commas (%(default)s)")
    options.add_argument("--quick", action="store_true", help="few of everything")
    options.add_argument("--out", type=Path, default=OUT, help="folder of the report (%(default)s)")
    try:
        outcomes = play(options.parse_args())
    except RigError as error:
        print(f"bench.cluster: {error}", file=sys.stderr)
        return 1
    return 0 if all(outcome.kept for outcome in outcomes.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
