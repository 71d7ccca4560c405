"""Which lines of the native parser the tests reach, in lines of the .pyx files; fails where a module is below the bound.

The debug variant counts as it runs (gcc --coverage). gcov tells the lines of the generated C; the comments that Cython
puts into it tell which line of the .pyx each belongs to. Counts add up over all processes since the last --forget.

    make coverage                   forget, run the tests that drive compiled code, print the table
    python tools/coverage.py        only the table;  --missing: with the lines that nothing reached
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "build" / "debug"
GENERATED = ROOT / "build" / "checked" / "cython" / "agw" / "_fastpath"
PARSER = ("http1_head", "http1_body", "http1_trailers", "framing", "fields", "http1_write", "proxy_protocol")
BOUND = 95.0  # percent of the lines of each module
# A comment of Cython's: the line of the source that the C below it comes from, up to the next such comment.
_MARK = re.compile(r'^\s*/\* "([^"]+\.pyx)":(\d+)$')
# Functions that were written by people: cdef functions, and the bodies of Python ones.
_WRITTEN = ("__pyx_f_", "__pyx_pf_")


def marks(generated: Path, source: str) -> list[int]:
    """Return for each line of the generated C the line of the source that it comes from, 0 where from none."""
    found, at = [0], 0
    for line in generated.read_text().splitlines():
        if match := _MARK.match(line):
            at = int(match[2]) if match[1] == source else 0
        found.append(at)
    return found


def counts(module: str) -> dict[int, int]:
    """Return how often each executable line of the module's .pyx ran."""
    note = next(BUILT.glob(f"temp*/**/{module}.gcno"))
    asked = ["gcov", "--json-format", "--stdout", str(note)]
    told = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    generated = GENERATED / f"{module}.c"
    where = marks(generated, f"agw/_fastpath/{module}.pyx")
    ran: dict[int, int] = {}
    for document in told.splitlines():
        for file in json.loads(document)["files"]:
            if Path(file["file"]).name != generated.name:
                continue
            for line in file["lines"]:
                source = where[line["line_number"]]
                if source and line.get("function_name", "").startswith(_WRITTEN):
                    ran[source] = max(ran.get(source, 0), line["count"])
    return ran


def main() -> int:
    """Print the table; 1 where a module is below the bound."""
    parser = argparse.ArgumentParser(prog="coverage", description="Lines of the native parser that tests reach.")
    parser.add_argument("--forget", action="store_true", help="begin to count anew, and print nothing")
    parser.add_argument("--missing", action="store_true", help="name the lines that nothing reached")
    options = parser.parse_args()
    if options.forget:
        for path in BUILT.glob("temp*/**/*.gcda"):
            path.unlink()
        return 0
    low = False
    sys.stdout.write(f"{'module':<16}{'lines':>7}{'reached':>9}{'percent':>9}\n")
    for module in PARSER:
        if not (ROOT / "agw" / "_fastpath" / f"{module}.pyx").exists():
            continue
        ran = counts(module)
        reached = sum(count > 0 for count in ran.values())
        percent = 100 * reached / len(ran)
        low |= percent < BOUND
        sys.stdout.write(f"{module:<16}{len(ran):>7}{reached:>9}{percent:>9.1f}\n")
        if options.missing:
            lines = (ROOT / "agw" / "_fastpath" / f"{module}.pyx").read_text().splitlines()
            for number in sorted(line for line, count in ran.items() if not count):
                sys.stdout.write(f"    {number:>4}  {lines[number - 1].strip()}\n")
    if low:
        sys.stdout.write(f"below {BOUND} percent: python tools/coverage.py --missing names the lines\n")
    return int(low)


if __name__ == "__main__":
    sys.exit(main())
