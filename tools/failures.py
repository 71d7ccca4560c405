"""Which tests failed, and how, from the reports that `make test` leaves: in few lines, for the end of a long log.

Prints nothing where none has. `make failures` does it for all variants.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

_LINES = 25
"""Of each failure: the last ones, in which pytest says what was compared."""


def main() -> int:
    """Print the variant, name and end of the report of each test that failed or could not be set up."""
    parser = argparse.ArgumentParser(prog="failures", description="Which tests failed, and how.")
    parser.add_argument("files", nargs="+", type=Path, help="JUnit reports of pytest, named for their variants")
    for file in parser.parse_args().files:
        for case in ET.parse(file).iter("testcase") if file.exists() else ():  # noqa: S314 -- pytest wrote it
            for found in (*case.findall("failure"), *case.findall("error")):
                sys.stdout.write(f"--- {file.stem}: {case.get('classname')}::{case.get('name')}\n")
                for line in (found.text or found.get("message") or "").splitlines()[-_LINES:]:
                    sys.stdout.write(f"    {line[:300]}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
