"""Imports go downwards only, in Python and in Cython."""

import pytest

from tests.house.layers import ALLOWED, scan, violations
from tests.house.tree import ROOT, files, name

SOURCES = [path for path in files(".py", ".pyx", ".pxd", ".pyi") if name(path).startswith("agw/")]


def layer_and_package(path):
    parts = path.relative_to(ROOT).parts
    return parts[1].partition(".")[0], ".".join(parts[:-1])


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_imports_go_down(path):
    layer, package = layer_and_package(path)
    if layer == "__init__":
        assert scan(path.read_text(), package) == [], "agw itself is imported by everything, so it imports nothing"
        return
    assert violations(path.read_text(), layer, package) == []


def test_every_layer_has_a_row():
    assert {layer_and_package(path)[0] for path in SOURCES} - {"__init__"} <= set(ALLOWED)


def test_the_table_has_no_cycle():
    order = []
    remaining = dict(ALLOWED)
    while remaining:
        ready = [layer for layer, below in remaining.items() if below <= set(order)]
        assert ready, f"these import each other: {sorted(remaining)}"
        order += ready
        for layer in ready:
            del remaining[layer]


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("import agw.kube", ["agw.kube"]),
        ("import os, agw.kube as k", ["agw.kube"]),
        ("cimport agw._fastpath.fields", ["agw._fastpath.fields"]),
        ("from agw._fastpath.fields cimport a, b", ["agw._fastpath.fields"]),
        ("from agw import resources, data as d", ["agw.resources", "agw.data"]),
        ("from agw import (\n    resources,\n    data,\n)", ["agw.resources", "agw.data"]),
        ("from agw.kube import \\\n    watch", ["agw.kube"]),
        ("from . import fields", ["agw._fastpath"]),
        ("from .. import kube", ["agw.kube"]),
        ("from ..kube cimport watch", ["agw.kube"]),
        ("def f():\n    from agw.kube import watch", ["agw.kube"]),
        ("if 1: pass; import agw.kube", ["agw.kube"]),
        ("# import agw.kube", []),
        ('"""\nimport agw.kube\n"""', []),
        ("x = 'import agw.kube'", []),
        ("import agwx", []),
        ("from libc.stdint cimport uint8_t", []),
    ],
)
def test_the_scanner_sees(source, modules):
    assert [each.module for each in scan(source, "agw._fastpath")] == modules


def test_the_scanner_refuses():
    assert violations("from agw.translate cimport x", "dataplane", "agw.dataplane") == [
        "line 1: dataplane imports agw.translate"
    ]
    assert violations("from agw import __version__", "dataplane", "agw.dataplane") == []
