"""Plays the training: python -m training --library FOLDER."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

import uvloop

import agw._fastpath

EDITS = 8  # changes of the configuration in an act


async def played(seed: int, requests: int, log: Path) -> Counter[int]:
    """The same mix with few clients and with many, whoever they are; ends when all is closed."""
    # The data plane is imported late, since where its library lies is an argument.
    from training.stage import Act, Stage  # noqa: PLC0415
    from training.traffic import MIX, Ask  # noqa: PLC0415

    acts = (
        *(Act(1), Act(4, trusted=True), Act(8, proxied=True), Act(32, logged=True)),
        *(Act(128, logged=True), Act(32, alone=True)),
    )
    random, weights = Random(seed), [kind.weight for kind in MIX]
    each = requests // len(acts)
    answered: Counter[int] = Counter()
    for act in acts:
        stage, left = Stage(act, log), each

        def draw(stage: Stage = stage) -> Ask | None:
            nonlocal left
            if left == 0:
                return None
            left -= 1
            if left % max(each // EDITS, 1) == 0:
                stage.edit()
            return random.choices(MIX, weights)[0].make(random)

        try:
            answered += await stage.play(draw)
            stage.reactor.drain()
            await stage.turn()
        finally:
            stage.end()
    return answered


def main() -> int:
    """Play, and say what came back; whatever is not as it should be ends with a traceback."""
    parser = argparse.ArgumentParser(prog="training", description=__doc__)
    parser.add_argument("--library", type=Path, required=True, help="folder that has agw/_fastpath/_compiled*.so")
    parser.add_argument("--requests", type=int, default=12_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    agw._fastpath.__path__ = [str((options.library / "agw" / "_fastpath").resolve())]
    logging.disable(logging.WARNING)  # of the endpoint that nobody listens for
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        answered = runner.run(played(options.seed, options.requests, Path(folder, "access.log")))
    statuses = ", ".join(f"{status}: {count}" for status, count in sorted(answered.items()))
    sys.stdout.write(f"  trained by {answered.total()} requests in {time.monotonic() - began:.0f} s ({statuses})\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
