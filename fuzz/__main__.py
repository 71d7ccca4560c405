"""Run harnesses one after another and say what they did: executions, time, rate, edges covered.

    python -m fuzz [HARNESS...] [--time SECONDS | --runs N | --short | --keep] [FILE...]

What libFuzzer learns beyond the seeds is kept in build/fuzz/corpus and found again by the next run; an input that
breaks a rule goes to build/fuzz/findings, and the run ends with 1. FILEs are inputs to run once instead, which is how
a finding is repeated. --keep makes what was learnt the new seeds: the fewest inputs that reach all that is reached.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from fuzz import native, seeds

LONGEST = {
    "request": 400,
    "response": 400,
    "chunked": 200,
    "path": 120,
    "proxy": 300,
    "writer": 400,
    "events": 300,
}  # bytes of an input
HARNESSES = tuple(LONGEST)
SHORT = 3  # seconds of each harness
LONG = 3600
FINDINGS = native.BUILT / "findings"
WORDS = native.ROOT / "fuzz" / "http1.dict"
DICTIONARIES = {"events": WORDS.with_name("events.dict")}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one harness did. edges: libFuzzer's "cov"."""

    harness: str
    failed: bool
    executions: int
    seconds: int
    edges: int
    inputs: int

    def row(self) -> str:
        """Return a line of the table."""
        rate = self.executions // max(self.seconds, 1)
        word = "FAILED" if self.failed else "ok"
        numbers = f"{self.executions:>13,} {self.seconds:>8} {rate:>10,} {self.edges:>6} {self.inputs:>7}"
        return f"{self.harness:<14}{numbers}  {word}"


TOLD = re.compile(
    r"^broken rule|^the harness raised|ERROR: |runtime error|^SUMMARY|Test unit written|^Base64|_fastpath.*\.c:|Error"
)
HEADING = f"{'harness':<14}{'executions':>13} {'seconds':>8} {'a second':>10} {'edges':>6} {'inputs':>7}"


def command(harness: str, bound: str, files: list[Path]) -> list[str]:
    """Return how libFuzzer is called; bound: its own argument for when to end."""
    base = [sys.executable, "-m", "fuzz.one", harness]
    FINDINGS.mkdir(parents=True, exist_ok=True)
    common = [f"-artifact_prefix={FINDINGS}/{harness}-", "-timeout=10", "-rss_limit_mb=2048", "-print_funcs=0"]
    if files:
        return [*base, *common, *map(str, files)]
    learnt = native.BUILT / "corpus" / harness
    learnt.mkdir(parents=True, exist_ok=True)
    limits = [
        bound,
        f"-max_len={LONGEST[harness]}",
        f"-dict={DICTIONARIES.get(harness, WORDS)}",
        "-print_final_stats=1",
    ]
    return [*base, *common, *limits, str(learnt), str(seeds.unpack(harness, native.BUILT / "seeds" / harness))]


def run(harness: str, bound: str, files: list[Path]) -> Outcome:
    """Run one harness to its end; libFuzzer's own words are kept, and shown where a rule was broken."""
    ended = subprocess.run(
        command(harness, bound, files),
        env=native.environment(),
        cwd=native.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    log = native.BUILT / f"{harness}.log"
    log.write_text(ended.stdout)
    if ended.returncode:
        told = [line for line in ended.stdout.splitlines() if TOLD.search(line)]
        sys.stdout.write("\n".join([*told, f"{harness}: all of it is in {log}", ""]))
    return Outcome(
        harness,
        ended.returncode != 0,
        _last(r"stat::number_of_executed_units: *(\d+)", ended.stdout),
        _last(r"runs in (\d+) second", ended.stdout),
        _last(r"cov: (\d+)", ended.stdout),
        _last(r"corp: (\d+)/", ended.stdout),
    )


def keep(harness: str) -> str:
    """Make the seeds the smallest set of inputs that reaches what seeds and learnt ones reach."""
    kept = native.BUILT / "kept" / harness
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    asked = command(harness, "-runs=0", [])
    merge = [*asked[:4], "-merge=1", f"-max_len={LONGEST[harness]}", str(kept), *asked[-2:]]
    subprocess.run(merge, env=native.environment(), cwd=native.ROOT, stderr=subprocess.DEVNULL, check=True)
    before = len(seeds.read(harness))
    seeds.write(harness, [path.read_bytes() for path in kept.iterdir()])
    return f"{harness}: {before} seeds before, {len(seeds.read(harness))} now"


def _last(pattern: str, text: str) -> int:
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def main() -> int:
    """Run what was asked for; 1 where a rule was broken or nothing could be run."""
    parser = argparse.ArgumentParser(prog="fuzz", description="Run the harnesses of fuzz/.")
    parser.add_argument("what", nargs="*", help=f"harnesses ({', '.join(HARNESSES)}), and files to run once")
    parser.add_argument("--time", type=int, default=LONG, help="seconds of each harness")
    parser.add_argument("--runs", type=int, default=0, help="executions of each harness, however long they take")
    parser.add_argument("--short", action="store_true", help=f"{SHORT} seconds of each")
    parser.add_argument("--keep", action="store_true", help="make what was learnt the seeds, and run nothing")
    options = parser.parse_args()
    lacking = native.lacking()
    if lacking:
        sys.stderr.write(lacking + "\n")
        return 1
    chosen = [name for name in options.what if name in HARNESSES] or list(HARNESSES)
    files = [Path(name).resolve() for name in options.what if name not in HARNESSES]
    if options.keep:
        sys.stdout.write("".join(keep(harness) + "\n" for harness in chosen))
        return 0
    sys.stdout.write(HEADING + "\n")
    bound = f"-runs={options.runs}" if options.runs else f"-max_total_time={SHORT if options.short else options.time}"
    failed = False
    for harness in chosen:
        outcome = run(harness, bound, files)
        sys.stdout.write(outcome.row() + "\n")
        sys.stdout.flush()
        failed |= outcome.failed
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
