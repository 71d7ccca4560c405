"""The schema of each kind, compiled once, at first use.

Our own kinds come from the CRDs (`agw.data.crd_files`), which are the only source of them; the kinds that we read and do
not own come from `agw/resources/schemas`, in the same dialect. As in an API server, `metadata` is checked by one schema
for all kinds, with a kind's own on top, and `status` is taken as it is: it is not the user's to write.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from agw import data
from agw.resources.construct import construct
from agw.resources.model import KINDS
from agw.resources.nodes import compose_yaml
from agw.resources.walk import Checker, compile_schema

_SCHEMAS = Path(__file__).resolve().parent / "schemas"
_TEXT = {"type": "string"}
_ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def read(path: Path) -> dict[str, Any]:
    """Read a schema file of ours; ValueError where it is broken, which no release can be."""
    documents, problem = compose_yaml(path.read_text(encoding="utf-8"))
    if problem is None and documents and documents[0] is not None:
        value, problems = construct(documents[0])
        if not problems and isinstance(value, dict):
            return value
    msg = f"{path}: a schema of agw cannot be read"
    raise ValueError(msg)


def _crd_schema(name: str) -> dict[str, Any]:
    for path in data.crd_files():
        if path.name == name:
            versions = read(path)["spec"]["versions"]
            found: dict[str, Any] = versions[0]["schema"]["openAPIV3Schema"]
            return found
    msg = f"{name}: this installation of agw lacks a CRD"
    raise FileNotFoundError(msg)


@cache
def structural(kind: str) -> dict[str, Any]:
    """Structural schema of a kind of `KINDS`, metadata and status filled in; editor schemas are made from it too."""
    own = _SCHEMAS / KINDS[kind].schema
    schema = read(own) if own.is_file() else _crd_schema(KINDS[kind].schema)
    common = read(_SCHEMAS / "metadata.yaml")
    own_metadata = schema.get("properties", {}).get("metadata", {}).get("properties", {})
    metadata = {**common, "properties": {**common["properties"], **own_metadata}}
    required = [*schema.get("required", ()), "metadata"]
    fields = {
        "apiVersion": _TEXT,
        "kind": _TEXT,
        **schema.get("properties", {}),
        "metadata": metadata,
        "status": _ANYTHING,
    }
    return {**schema, "required": list(dict.fromkeys(required)), "properties": fields}


@cache
def checker(kind: str) -> Checker:
    """Compiled schema of a kind of `KINDS`."""
    return compile_schema(structural(kind))
