"""Conversations with the whole data plane, from seeds: clients and agents with good and bad manners, nonces on all of it.

    python -m fuzz.conversations --count 100000 --seed 0
    python -m fuzz.conversations --seed 4711 --show         one of them, and what it is

A seed whose conversation breaks a rule is printed with the rule and the command that repeats it; the run ends with 1.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from pathlib import Path

from fuzz import world as worlds
from fuzz.play import Play
from fuzz.script import script
from fuzz.verdict import judge, judge_figures

# Seconds of waiting: on a busy machine the kernel delivers loopback segments late. Only what stays broken is.
PATIENCE = (0.001, 0.01, 0.2)
CLOCK = Path(__file__).with_name("clock.c")


def converse(world: worlds.World, seed: int) -> None:
    """Play one conversation to its end, and raise where a rule was broken."""
    agent = seed % 3 == 0
    one = script(seed, streams=agent)
    world.begin(one.slots, filtered=seed % 4 == 0, speaks="A2A" if agent else "HTTP")
    play = Play(world, one, seed)
    try:
        play.run()
        for patience in PATIENCE:
            try:
                judge(play)
                break
            except AssertionError:
                play.settle(patience)
        else:
            judge(play)
        play.finish()
        assert not world.alive(), f"alive at the end: {world.alive()}"
        assert not world.exceptions(), f"{world.exceptions()} exceptions reached the reactor"
        judge_figures(world.row())
    finally:
        play.end()
        world.end()


def _short(data: bytes) -> str:
    return repr(data) if len(data) <= 160 else f"{data[:120]!r} ... {data[-20:]!r} ({len(data)} bytes)"


def show(seed: int) -> None:
    """Print what a seed stands for."""
    one = script(seed, streams=seed % 3 == 0)
    out = [f"late_ms={one.late_ms} deaf={one.deaf} clock_first={one.clock_first} slots={one.slots}"]
    for client in one.clients:
        cuts = [len(piece) for piece in client.pieces]
        out.append(f"client: pieces of {cuts}, cut={client.cut}, end={client.end!r}, slow={client.slow}")
        for each in client.requests:
            plan = each.plan
            out.append(f"  {each.kind}, broken={each.broken}, last={each.last}: {_short(each.data)}")
            out.append(f"    agent: end={plan.end!r} early={plan.early} whole={plan.whole} tidy={plan.tidy}")
            out += [f"      {_short(piece)}" for piece in plan.pieces]
    sys.stdout.write("\n".join(out) + "\n")


def main() -> int:
    """Play as many as were asked for; 1 where a rule was broken."""
    parser = argparse.ArgumentParser(prog="fuzz.conversations", description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=1, help="conversations")
    parser.add_argument("--seed", type=int, default=0, help="of the first; the others follow")
    parser.add_argument("--seconds", type=float, default=0, help="stop after this long")
    parser.add_argument("--show", action="store_true", help="print the script of the first")
    options = parser.parse_args()
    worlds.respawn(worlds.preload(CLOCK, "-ldl"))
    if options.show:
        show(options.seed)
    world = worlds.World()
    began, failed, seed = time.time(), 0, options.seed
    for seed in range(options.seed, options.seed + options.count):
        try:
            converse(world, seed)
        except Exception:  # noqa: BLE001 - whatever it is, the seed is what repeats it
            failed += 1
            traceback.print_exc()
            sys.stderr.write(f"broken; it is repeated by: python -m fuzz.conversations --seed {seed} --show\n")
            if failed == 10:
                break
        if options.seconds and time.time() - began > options.seconds:
            break
    if worlds.objects():
        failed += 1
        sys.stderr.write(f"objects left behind: {worlds.objects()}\n")
    count, seconds = seed + 1 - options.seed, time.time() - began
    sys.stdout.write(
        f"{count} conversations in {seconds:.1f} s ({count / seconds:.0f} a second), {failed} broken a rule\n"
    )
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
