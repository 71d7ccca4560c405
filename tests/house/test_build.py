"""What setup.py, the Makefile and the container image say of the variants fits together."""

import os
import re
import runpy
import subprocess
import sys

import pytest

from tests.house.tree import ROOT

SERVING = ("release", "trained")  # what serves users; the others are for whoever works on it


@pytest.fixture(scope="module")
def rules():
    return runpy.run_path(str(ROOT / "setup.py"))


def test_every_variant_is_compiled_and_linked(rules):
    assert rules["COMPILE"].keys() == rules["LINK"].keys()


def test_a_variant_that_there_is_not_is_said_in_a_line():
    argv = [sys.executable, "setup.py", "--version"]
    done = subprocess.run(
        argv, cwd=ROOT, env=os.environ | {"AGW_BUILD": "typo"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("AGW_BUILD=typo: there is no such variant; there are release, ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("variant", SERVING)
def test_what_serves_is_hardened(rules, variant):
    assert not set(rules["HARDENING"]) - set(rules["COMPILE"][variant])
    assert "-D_FORTIFY_SOURCE=3" in rules["COMPILE"][variant]
    assert rules["LINK"][variant] == rules["HARDENED_LINK"]


def test_training_differs_from_what_it_is_for_by_the_counts_alone(rules):
    compiled = {variant: set(rules["COMPILE"][variant]) for variant in ("release", "training", "trained")}
    assert compiled["training"] - compiled["release"] == set(rules["COUNTING"])
    assert compiled["trained"] - compiled["release"] == set(rules["BY_COUNTS"])
    assert not compiled["release"] - compiled["training"] | compiled["release"] - compiled["trained"]


def test_counts_that_are_not_there_or_of_other_code_are_errors(rules):
    assert {"-Werror=missing-profile", "-Werror=coverage-mismatch"} <= set(rules["COMPILE"]["trained"])


def test_a_plain_build_needs_nothing_but_cython(rules):
    assert rules["needed"]() == []


def test_the_image_is_trained():
    assert re.search(r"^ARG VARIANT=trained$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def test_whatever_goes_into_the_image_makes_it_anew():
    context = set(re.findall(r"^!([\w.]+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    [looked_at] = re.findall(
        r'^ +build "\$image" Dockerfile (.*)$', (ROOT / "tools" / "cluster").read_text(), re.MULTILINE
    )
    assert context - set(looked_at.split()) == {"MANIFEST.in", "README.md", "LICENSE"}
