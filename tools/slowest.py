"""Which tests took longest, from the reports that `make test` leaves: seconds with set-up and end, variant, test.

`make slowest` names 20 of all variants; `python tools/slowest.py FILE... --count N` others.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from xml.etree import ElementTree as ET


def main() -> int:
    """Print the table, the longest first."""
    parser = argparse.ArgumentParser(prog="slowest", description="Which tests took longest.")
    parser.add_argument("files", nargs="+", type=Path, help="JUnit reports of pytest, named for their variants")
    parser.add_argument("--count", type=int, default=20, help="how many to name")
    options = parser.parse_args()
    took = [
        (float(case.get("time", 0)), file.stem, f"{case.get('classname')}::{case.get('name')}")
        for file in options.files
        if file.exists()
        for case in ET.parse(file).iter("testcase")  # noqa: S314 -- pytest wrote it
    ]
    sys.stdout.write(f"{'seconds':>8}  {'variant':<10} test\n")
    for seconds, variant, test in sorted(took, reverse=True)[: options.count]:
        sys.stdout.write(f"{seconds:>8.1f}  {variant:<10} {test}\n")
    total = sum(seconds for seconds, _, _ in took)
    sys.stdout.write(f"{total:>8.1f}  all {len(took)} tests, of all processes together\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
