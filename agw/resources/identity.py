"""What a document says it is: one of our kinds, another kind to pass over, or a mistake worth a word.

The hard part is telling a foreign kind (passed over in silence, a folder may hold anything) from a misspelt one of ours
(an error). A kind is taken for misspelt where its group is one that we know whole, or where a word near it is ours and
the word itself is not one of the group's other kinds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from agw.resources import agentgateway, codes, gateway
from agw.resources.model import KINDS, Kind
from agw.resources.walk import Finding, did_you_mean, nearest, one_of

_API_VERSION = re.compile(r"(?:(?P<group>[^/\s]+)/)?(?P<version>[^/\s]+)")

_OTHERS: dict[str, frozenset[str]] = {
    gateway.GROUP: frozenset({
        "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute", "BackendTLSPolicy", "BackendLBPolicy", "ListenerSet",
        "ConformanceReport",
    }),
    agentgateway.GROUP: frozenset(),
    "": frozenset({
        "Binding", "ComponentStatus", "Endpoints", "Event", "LimitRange", "Node", "PersistentVolume",
        "PersistentVolumeClaim", "Pod", "PodTemplate", "ReplicationController", "ResourceQuota", "ServiceAccount",
    }),
    "discovery.k8s.io": frozenset(),
}  # fmt: skip
_WHOLE = (gateway.GROUP, agentgateway.GROUP)


@dataclass(frozen=True, slots=True)
class Foreign:
    """A kind that is not ours to read."""

    api_version: str
    kind: str


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of objects. of: the kind of items that do not say theirs."""

    of: Kind | None


def identify(data: Any) -> Kind | Foreign | ListOf | list[Finding]:  # noqa: ANN401 - any document
    """Say what the document is, or what is wrong with its apiVersion and kind."""
    if type(data) is not dict:
        return [
            Finding(codes.NOT_AN_OBJECT, (), "found {found}, expected a mapping with apiVersion and kind", found=data)
        ]
    problems = [finding for name in ("apiVersion", "kind") if (finding := _text(data, name)) is not None]
    if problems:
        return problems
    api_version, kind = data["apiVersion"], data["kind"]
    match = _API_VERSION.fullmatch(api_version)
    if match is None:
        message = "found {found}, expected a version such as v1, or a group and a version such as example.com/v1"
        return [Finding(codes.IDENTITY, ("apiVersion",), message, found=api_version)]
    return _by_name(match["group"] or "", kind, api_version)


def _by_name(group: str, kind: str, api_version: str) -> Kind | Foreign | ListOf | list[Finding]:
    if kind == "List" and api_version == "v1":
        return ListOf(None)
    if kind.endswith("List") and _ours(group, kind.removesuffix("List")):
        return ListOf(KINDS[kind.removesuffix("List")])
    if _ours(group, kind):
        return _of_version(KINDS[kind], api_version)
    return _not_ours(group, kind, api_version)


def _text(data: dict[str, Any], name: str) -> Finding | None:
    value = data.get(name)
    if isinstance(value, str) and value:
        return None
    if value is None or value == "":
        state = "empty" if name in data else "missing"
        message = f'required field "{name}" is {state}'
        hint = did_you_mean(name, data) if state == "missing" else ""
        return Finding(codes.IDENTITY, (name,) if name in data else (), message, hint)
    return Finding(codes.IDENTITY, (name,), "found {found}, expected a string", found=value)


def _ours(group: str, kind: str) -> bool:
    return kind in KINDS and KINDS[kind].group == group


def _of_version(kind: Kind, api_version: str) -> Kind | list[Finding]:
    if api_version in kind.api_versions:
        return kind
    message = "found {found}, expected " + one_of(kind.api_versions) + f" for {kind.name}"
    return [Finding(codes.VERSION, ("apiVersion",), message, found=api_version)]


def _not_ours(group: str, kind: str, api_version: str) -> Foreign | list[Finding]:
    ours = [known for known in KINDS if KINDS[known].group == group]
    others = _OTHERS.get(group)
    if kind in KINDS and _wrong_group(group, KINDS[kind].group):
        right = KINDS[kind].api_versions
        message = "found {found}, expected " + one_of(right) + f" for {kind}"
        return [Finding(codes.GROUP, ("apiVersion",), message, did_you_mean(api_version, right), found=api_version)]
    if others is None or kind in others or kind.removesuffix("List") in others:
        return Foreign(api_version, kind)
    if group not in _WHOLE and not nearest(kind, ours):
        return Foreign(api_version, kind)
    hint = did_you_mean(kind, [*ours, *sorted(others)]) or "kinds here: " + ", ".join(ours)
    where = f"group {group}" if group else "the core group"
    return [Finding(codes.KIND, ("kind",), f"{where} has no kind {{found}}", hint, found=kind)]


def _wrong_group(group: str, right: str) -> bool:
    """Whether the group is a slip for the right one: a near miss, or a group of Kubernetes itself."""
    return "." not in group or group.endswith(".k8s.io") or bool(nearest(group, [right]))
