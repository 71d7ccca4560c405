"""The CRDs of the Gateway API for a bare API server, made from our own schemas of it.

The upstream files are 1.4 MB and nobody's to copy; what these tests need of them is the shape of specs, which
agw/resources/schemas has, and of statuses: which lists merge by key and which are atomic. GATEWAY_API_CRDS names a
folder of the real ones to use instead.
"""

from __future__ import annotations

import os
from pathlib import Path

import yaml

from agw import data
from agw.resources import gateway
from agw.resources.model import KINDS
from agw.resources.schema import structural

PLURALS = {
    "GatewayClass": "gatewayclasses",
    "Gateway": "gateways",
    "HTTPRoute": "httproutes",
    "ReferenceGrant": "referencegrants",
}


def crds():
    """All CRDs that a controller needs, as dictionaries."""
    own = [yaml.safe_load(path.read_text()) for path in data.crd_files()]
    folder = os.environ.get("GATEWAY_API_CRDS")
    if not folder:
        return [*map(made, PLURALS), *own]
    files = [
        path
        for path in sorted(Path(folder).glob("*.yaml"))
        if any(f"_{name}." in path.name for name in PLURALS.values())
    ]
    return [*(yaml.safe_load(path.read_text()) for path in files), *own]


def made(kind):
    schema = _plain(structural(kind))
    schema["properties"].pop("metadata")
    schema["required"] = [name for name in schema["required"] if name != "metadata"]
    status = _STATUS.get(kind)
    schema["properties"]["status"] = status or {"type": "object"}
    plural = PLURALS[kind]
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    if status:
        version["subresources"] = {"status": {}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{gateway.GROUP}",
            "annotations": {"api-approved.kubernetes.io": "unapproved, for tests"},
        },
        "spec": {
            "group": gateway.GROUP,
            "scope": "Namespaced" if KINDS[kind].namespaced else "Cluster",
            "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()},
            "versions": [version],
        },
    }


def _plain(schema):
    """Leave out what only we understand, and rules over several fields."""
    if isinstance(schema, dict):
        left_out = {"x-agw-sensitive", "x-kubernetes-validations"}
        return {key: _plain(value) for key, value in schema.items() if key not in left_out}
    return [_plain(item) for item in schema] if isinstance(schema, list) else schema


_TEXT = {"type": "string"}
_CONDITIONS = {
    "type": "array",
    "maxItems": 8,
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["type"],
    "items": {
        "type": "object",
        "required": ["lastTransitionTime", "message", "reason", "status", "type"],
        "properties": {
            "lastTransitionTime": {"type": "string", "format": "date-time"},
            "message": {"type": "string", "maxLength": 32768},
            "observedGeneration": {"type": "integer", "format": "int64", "minimum": 0},
            "reason": {"type": "string", "minLength": 1, "maxLength": 1024},
            "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
            "type": {"type": "string", "maxLength": 316},
        },
    },
}
_DEFAULT = {
    "lastTransitionTime": "1970-01-01T00:00:00Z",
    "message": "Waiting for controller",
    "reason": "Pending",
    "status": "Unknown",
}
_NAMED = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}


def _object(**properties):
    return {"type": "object", "properties": properties}


def _list(items, **more):
    return {"type": "array", "items": items, **more}


_KINDS = _list(_object(group=_TEXT, kind=_TEXT), maxItems=8, **{"x-kubernetes-list-type": "atomic"})
_LISTENER = {
    **_object(
        name=_TEXT, attachedRoutes={"type": "integer", "format": "int32"}, supportedKinds=_KINDS, conditions=_CONDITIONS
    ),
    "required": ["attachedRoutes", "conditions", "name"],
}
_PARENT = {
    **_object(
        parentRef={
            **_object(
                group={"type": "string", "default": gateway.GROUP},
                kind={"type": "string", "default": "Gateway"},
                namespace=_TEXT,
                name=_TEXT,
                sectionName=_TEXT,
                port={"type": "integer", "format": "int32"},
            ),
            "required": ["name"],
        },
        controllerName=_TEXT,
        conditions=_CONDITIONS,
    ),
    "required": ["conditions", "controllerName", "parentRef"],
}
_STATUS = {
    "GatewayClass": {
        **_object(
            conditions=_CONDITIONS, supportedFeatures=_list(_object(name=_TEXT) | {"required": ["name"]}, **_NAMED)
        ),
        "default": {"conditions": [{"type": "Accepted", **_DEFAULT}]},
    },
    "Gateway": {
        **_object(
            addresses=_list(
                _object(type={"type": "string", "default": "IPAddress"}, value=_TEXT),
                maxItems=16,
                **{"x-kubernetes-list-type": "atomic"},
            ),
            conditions=_CONDITIONS,
            listeners=_list(_LISTENER, maxItems=64, **_NAMED),
        ),
        "default": {"conditions": [{"type": "Accepted", **_DEFAULT}, {"type": "Programmed", **_DEFAULT}]},
    },
    "HTTPRoute": {
        **_object(parents=_list(_PARENT, maxItems=32, **{"x-kubernetes-list-type": "atomic"})),
        "required": ["parents"],
    },
}
