"""The generated parts of docs/ are what their sources give."""

import re
import subprocess
import sys

from tests.house.tree import ROOT

GENERATOR = ROOT / "docs" / "generate.py"


def test_the_pages_are_up_to_date():
    checked = subprocess.run(
        [sys.executable, GENERATOR, "--check"],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_every_part_has_a_place():
    placed = [
        name
        for page in (ROOT / "docs").glob("*.md")
        for name in re.findall(r"^<!-- generated: ([\w-]+) -->$", page.read_text(), re.MULTILINE)
    ]
    assert sorted(placed) == sorted(re.findall(r'^    "([\w-]+)": ', GENERATOR.read_text(), re.MULTILINE))
