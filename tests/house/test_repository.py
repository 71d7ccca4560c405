"""What a reader of the repository may rely on."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from agw.cli.app import COMMANDS
from tests.house.tree import ROOT, files, name, tracked

TEXT = [path for path in files() if b"\0" not in path.read_bytes()[:4096]]
PAGES = files(".md")
LONGEST = 650  # lines; about 600 is the aim, and a file that outgrows this is two files


def blocks(page):
    """Return the text of a page's fenced blocks, which are what a reader copies."""
    return "\n".join(re.findall(r"^```[a-z]*\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL))


def test_no_file_is_too_long():
    kinds = {".py", ".pyx", ".pxd", ".pyi", ".h", ".sh"}
    lengths = {name(path): len(path.read_text().splitlines()) for path in files() if path.suffix in kinds}
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST} == {}


def test_no_path_of_a_machine_is_in_a_file():
    here = [re.escape(f"{folder}/") for folder in {Path.home(), ROOT.parent, Path(sys.prefix)} if len(folder.parts) > 2]
    pattern = re.compile("|".join([*here, r"/home/[a-z]\w*/", r"/Users/\w+/", r"/root/\."]))
    hits = [
        f"{name(path)}:{number}: {line.strip()}"
        for path in TEXT
        if path.name != Path(__file__).name
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]
    assert hits == []


@pytest.mark.parametrize("lock", [path for path in files(".json") if path.name == "package-lock.json"], ids=name)
def test_a_lock_file_says_what_is_installed_and_not_from_where(lock):
    packages = json.loads(lock.read_text())["packages"]
    installed = {where: package for where, package in packages.items() if where}
    assert installed
    assert [where for where, package in installed.items() if "resolved" in package or "integrity" not in package] == []


def test_nothing_is_left_to_do():
    words = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    hits = [name(path) for path in TEXT if path.name != Path(__file__).name and words.search(path.read_text())]
    assert hits == []


@pytest.mark.skipif(tracked() is None, reason="there is no git to ask")
def test_what_a_build_makes_is_not_tracked():
    made = re.compile(r"(^|/)(build|dist|__pycache__|\.venv)/|\.(so|o|pyc)$|_fastpath/[^/]+\.(c|html)$")
    assert [name(path) for path in files() if made.search(name(path))] == []


@pytest.mark.skipif(tracked() is None, reason="there is no git to ask")
def test_git_ignores_what_a_build_makes():
    made = ["agw/_fastpath/x.c", "agw/_fastpath/x.cpython-311-x86_64-linux-gnu.so", "build/release/x.o", "dist/x.whl"]
    made += [".venv/bin/python", "agw/__pycache__/x.pyc", "agw_gateway.egg-info/PKG-INFO"]
    ignored = subprocess.run(["git", "check-ignore", *made], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ignored.stdout.split() == made


def test_scripts_are_executable():
    scripts = [path for path in TEXT if path.read_bytes()[:2] == b"#!"]
    assert scripts
    assert [name(path) for path in scripts if not path.stat().st_mode & 0o111] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_page_names_only_targets_that_exist(page):
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = re.findall(r"(?:^|&& |`)make ([a-z][a-z0-9-]*)", blocks(page) + page.read_text(), re.MULTILINE)
    assert set(named) <= targets


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_page_names_only_commands_that_exist(page):
    named = set(re.findall(r"^(?:\$ )?agw ([a-z]+)", blocks(page), re.MULTILINE))
    assert named <= set(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_the_links_of_a_page_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    local = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_ci_calls_targets_that_exist():
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z0-9]+)", (ROOT / ".ci" / "run").read_text())) <= targets
