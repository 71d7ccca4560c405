"""Our own kinds as an API server has them: read wholly, or replaced by a stand-in that lets nothing through.

Why: a CRD may be newer than this program: an image was rolled back, or the CRDs were applied first, as they should be.
A TrafficPolicy without the field that this release does not know would let requests in that its author refuses, and a
Backend without one (TLS to the agent, say) would send them where they may not go. So the schema that this release was
made with decides, by the same walk as for files: what it does not know is an error, and an object with an error is
never half-read.

    spec --walk--> no findings --> the typed value
                   findings    --> a stand-in: `unread` says what and where; a policy's targets, as far as they can be read

Rules: of a target, what narrows it and cannot be read is left out: a wider target is closed, a missing one is open. A
policy of which no target can be read has no stand-in (`UnreadableError`): there is nothing to close.

Must not: repair an object, or know what a stand-in does; translation answers 500 for it.
"""

from __future__ import annotations

from typing import Any, TypeVar, cast

import msgspec

from agw.resources import agentgateway as own
from agw.resources import codes
from agw.resources.decode import describe
from agw.resources.gateway import GROUP
from agw.resources.meta import ObjectMeta
from agw.resources.paths import render
from agw.resources.schema import checker
from agw.resources.walk import NOTHING, Finding, ObjectChecker, Walk

T = TypeVar("T", own.Backend, own.TrafficPolicy)

KINDS = frozenset({own.Backend, own.TrafficPolicy})
"""Kinds that are read this way."""

_SPECS: dict[type, type] = {own.Backend: own.BackendSpec, own.TrafficPolicy: own.TrafficPolicySpec}


class UnreadableError(ValueError):
    """Nothing of the object can be used, not even as a stand-in."""


def read(kind: type[T], api_version: str, metadata: ObjectMeta, spec: Any) -> T:  # noqa: ANN401 - any JSON
    """Return the object, or its stand-in. Raises UnreadableError for a policy without a target that can be read."""
    walk = Walk(trail=["spec"])
    checked = cast("ObjectChecker", checker(kind.__name__)).fields["spec"].check(spec, walk)
    unread = tuple(map(_told, _telling(walk.findings)))
    if not unread:
        try:
            value: Any = msgspec.convert(checked, _SPECS[kind])
            return kind(api_version, kind.__name__, metadata, value)
        except msgspec.ValidationError as error:
            unread = (own.Unread("$.spec", str(error)),)
    if kind is own.TrafficPolicy:
        targets = _targets(spec)
        if not targets:
            raise UnreadableError(f"no target can be read: {summary(unread)}")
        value = own.TrafficPolicySpec(targets, own.Traffic())
    else:
        value = own.BackendSpec("A2A", own.A2ABackend(()))
    return kind(api_version, kind.__name__, metadata, value, unread)


def stand_in(value: own.Backend | own.TrafficPolicy, why: str) -> own.Backend | own.TrafficPolicy:
    """Return the stand-in of an object that was read and cannot be used."""
    return msgspec.structs.replace(value, unread=(own.Unread("$", why),))


def summary(unread: tuple[own.Unread, ...]) -> str:
    """All that could not be read, in one line."""
    return "; ".join(f"{each.path}: {each.message}" for each in unread)


def _telling(findings: list[Finding]) -> list[Finding]:
    """Leave out that there is too little of what is known, where something is not known."""
    if not any(each.code == codes.UNKNOWN_FIELD for each in findings):
        return findings
    return [each for each in findings if each.code != codes.MAP_SIZE]


def _told(finding: Finding) -> own.Unread:
    message = finding.message
    if finding.found is not NOTHING:
        message = message.replace("{found}", describe(finding.found, "", typed=finding.code == codes.TYPE))
    if finding.code == codes.UNKNOWN_FIELD:
        return own.Unread(render(finding.path), "this release does not know the field")
    return own.Unread(render(finding.path), message)


def _targets(spec: Any) -> tuple[own.PolicyTargetRef, ...]:  # noqa: ANN401 - any JSON
    refs = spec.get("targetRefs") if isinstance(spec, dict) else None
    found: dict[own.PolicyTargetRef, None] = {}
    for ref in refs if isinstance(refs, list) else ():
        name, kind = (ref.get("name"), ref.get("kind")) if isinstance(ref, dict) else (None, None)
        if isinstance(name, str) and isinstance(kind, str):
            group, section = ref.get("group"), ref.get("sectionName")
            found[
                own.PolicyTargetRef(
                    group if isinstance(group, str) else GROUP,
                    kind,
                    name,
                    section if isinstance(section, str) and section else None,
                )
            ] = None
    return tuple(found)
