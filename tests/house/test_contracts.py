"""What two files must agree on."""

import re

import pytest

from agw import data
from agw.a2a.operations import Operation
from agw.errors import EXPLANATIONS, Reason
from tests.house.tree import ROOT, files, name

FASTPATH = ROOT / "agw" / "_fastpath"


def enum_of(declaration, title):
    """Return {name: number} of a `cdef enum` whose members all have a number."""
    body = re.search(rf"^cdef enum {title}:\n((?:    .*\n|\n)+)", declaration, re.MULTILINE).group(1)
    return {match[1]: int(match[2]) for match in re.finditer(r"^\s+(\w+)\s*=\s*(\d+)", body, re.MULTILINE)}


def test_reasons_are_the_same_in_python_and_in_c():
    declared = enum_of((FASTPATH / "record.pxd").read_text(), "Reason")
    count = declared.pop("R_COUNT")
    assert declared == {f"R_{reason.name}": reason.value for reason in Reason}
    assert count == len(Reason)


def test_operations_are_the_same_in_python_and_in_c():
    declared = enum_of((FASTPATH / "operations.pxd").read_text(), "Operation")
    assert declared == {f"OP_{operation.name}": operation.value for operation in Operation}


def test_every_reason_is_explained():
    assert list(EXPLANATIONS) == list(Reason)
    for told in EXPLANATIONS.values():
        assert told.meaning.endswith(".")
        assert told.advice.endswith(".") or told.advice.endswith("?")
        assert bool(told.code) == bool(told.message)
        assert told.statuses or not told.code


@pytest.mark.parametrize("source", [path for path in files(".pyx") if path.parent == FASTPATH], ids=name)
def test_a_compiled_module_has_its_declaration_and_its_stub(source):
    assert source.with_suffix(".pxd").exists()
    assert source.with_suffix(".pyi").exists()


def test_the_compiled_modules_are_of_the_variant_that_was_built_last():
    marker = ROOT / "build" / "variant"
    if not marker.exists():
        return  # built without make: there is nothing to mix up
    folder = ROOT / "build" / marker.read_text().strip()
    (made,) = folder.glob("lib*/agw/_fastpath/_compiled.*.so")
    assert (FASTPATH / made.name).read_bytes() == made.read_bytes()


def test_the_files_beside_the_code_are_found():
    assert [path.suffix for path in data.crd_files()] == [".yaml", ".yaml"]
    assert [path.name for path in data.example_files("seed")] == [
        "a2a-api-key.yaml",
        "a2a-gateway.yaml",
        "a2a-server.yaml",
    ]
    with pytest.raises(FileNotFoundError, match="no such example"):
        data.example_files("nothing")


def test_an_sdist_takes_every_folder():
    grafted = set(re.findall(r"^graft (\S+)", (ROOT / "MANIFEST.in").read_text(), re.MULTILINE))
    tracked = {name(path).partition("/")[0] for path in files() if "/" in name(path)}
    assert tracked - {".ci"} <= grafted
