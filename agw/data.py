"""Where the files that belong to agw, and are not code, are found.

The chart's CRDs and the examples have one home in the repository (`charts/`, `examples/`). A checkout, which an
editable install is too, reads them there; a wheel holds copies under `agw/_data`, which setup.py makes while it builds.
Nothing else in agw may build a path to them.

This module imports nothing of agw and nothing heavy.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_PACKAGED = _PACKAGE / "_data"
_CHECKOUT = _PACKAGE.parent

# Folder below agw/_data: folder in the repository. setup.py copies by this very table.
SOURCES = {
    "crds": "charts/ack-agent-gateway/crds",
    "examples": "examples",
}


def folder(name: str) -> Path:
    """Return the folder of one entry of SOURCES; FileNotFoundError where the installation lacks it."""
    found = _PACKAGED / name if _PACKAGED.is_dir() else _CHECKOUT / SOURCES[name]
    if not found.is_dir():
        msg = f"{found}: not there: this installation of agw is incomplete"
        raise FileNotFoundError(msg)
    return found


def crd_files() -> list[Path]:
    """Return the CustomResourceDefinition manifests of agw's own kinds, by name."""
    return sorted(folder("crds").glob("*.yaml"))


def example_folder(name: str) -> Path:
    """Return the folder of one example ("seed"); FileNotFoundError where there is none of that name."""
    found = folder("examples") / name
    if not found.is_dir():
        msg = f"{found}: no such example"
        raise FileNotFoundError(msg)
    return found


def example_files(name: str) -> list[Path]:
    """Return the manifests of one example, in the order in which a reader applies them: by name."""
    return sorted(example_folder(name).glob("*.yaml"))
