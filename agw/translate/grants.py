"""ReferenceGrants: who may refer to what in another namespace.

Rules (Gateway API, ReferenceGrant): a grant is in the namespace that is referred to; any of its `from` may refer to any
of its `to`. Within one namespace none is needed.

Must not: know where grants come from: translation asks its inputs for them, the controller its world before it watches.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from agw.resources.gateway import ReferenceGrant


class Referrer(NamedTuple):
    """Who refers."""

    group: str
    kind: str
    namespace: str


def permits(grants: Iterable[ReferenceGrant], of: Referrer, group: str, kind: str, name: str) -> bool:
    """Say whether one of a namespace's grants lets the referrer refer to the object there.

    name: "" where no single object is meant; then a grant of the whole kind is needed.
    """
    return any(
        any((item.group, item.kind, item.namespace) == of for item in grant.spec.from_)
        and any((item.group, item.kind) == (group, kind) and item.name in {"", name} for item in grant.spec.to)
        for grant in grants
    )
