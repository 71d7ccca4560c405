"""What every object shares: the base of all decoded values, and metadata.

Rules: values are frozen and comparable; field names are the manifest's in snake case. A value here has already passed
the schema walk (`agw.resources.walk`), with the API server's defaults filled in, so a field is what a controller would
read back from a cluster. Fields that translation has no use for are accepted by the schema and left out here.
"""

from __future__ import annotations

import msgspec


class Value(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Base of everything decoded from a manifest."""


class ObjectMeta(Value, frozen=True):
    """metadata. namespace: "" for cluster-scoped kinds, else always set. creation_timestamp: RFC 3339, "" from a file.

    deletion_timestamp: "" but where the object is on its way out and waits for what belongs to it.
    """

    name: str
    namespace: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    uid: str = ""
    generation: int = 0
    creation_timestamp: str = ""
    deletion_timestamp: str = ""


class Object(Value, frozen=True):
    """Base of all kinds."""

    api_version: str
    kind: str
    metadata: ObjectMeta


class LabelSelectorRequirement(Value, frozen=True):
    """operator: In | NotIn | Exists | DoesNotExist."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


class LabelSelector(Value, frozen=True):
    """All of both must hold; an empty selector selects everything."""

    match_labels: dict[str, str] = {}
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()
