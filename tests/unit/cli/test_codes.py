"""Every code that the sources use is explained, and every explanation is of a code that is used."""

from __future__ import annotations

import re
from pathlib import Path

import agw
from agw.cli.codes import explanations

SOURCES = Path(agw.__file__).parent
CODE = re.compile(r"AGW[1-3][0-9]{3}")


def used() -> set[str]:
    tables = {SOURCES / "cli" / "codes.py"}
    paths = [path for suffix in ("py", "pyx") for path in SOURCES.rglob(f"*.{suffix}") if path not in tables]
    return {code for path in paths for code in CODE.findall(path.read_text(encoding="utf-8"))}


def test_codes_and_explanations_are_the_same_set() -> None:
    assert set(explanations()) == used()
