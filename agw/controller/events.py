"""What a person should notice, as Events at the object concerned. Values in, values out.

Rules: an Event tells a change, not a state: a condition that turns, a data plane that refuses, an object that cannot be
read. A condition that is only waited for tells nothing, nor does one that is written for the first time and is fine.

Must not: send.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from agw.controller.decode import Held
from agw.translate.result import CONTROLLER, ObjectKey

REFUSED = "ConfigurationRefused"
UNREADABLE = "Unreadable"
ANOTHER_INSTALLATION = "AnotherInstallation"
_WAITING = frozenset({"Pending", "AddressNotAssigned", "NotReferenced", "NotAttached"})
_TOLD_WHEN_TRUE = frozenset({"Programmed"})
_GOOD_WHEN_FALSE = frozenset({"Conflicted", "PartiallyInvalid"})


@dataclass(frozen=True, slots=True)
class Happened:
    """An Event to be. warning: else it is normal."""

    object: ObjectKey
    uid: str
    reason: str
    message: str
    warning: bool = False


def uid_of(held: Held[Any] | None) -> str:
    """Return the uid of an object, "" where it is not known."""
    return str(held.value.metadata.uid) if held is not None else ""


def of_write(key: ObjectKey, before: Held[Any], status: dict[str, Any]) -> Iterator[Happened]:
    """Give what a write of a status tells that was not there before."""
    old = _ours(msgspec.json.decode(before.status) if before.status else {})
    for where, condition in _ours(status).items():
        was = old.get(where, {})
        kind, value, reason = condition["type"], condition["status"], condition["reason"]
        if (was.get("status"), was.get("reason")) == (value, reason) or reason in _WAITING:
            continue
        bad = value == ("True" if kind in _GOOD_WHEN_FALSE else "False")
        if bad:
            yield Happened(key, uid_of(before), reason, f"{_place(where)}{condition['message']}"[:1024], warning=True)
        elif kind in _TOLD_WHEN_TRUE and value == "True" and not where[0]:
            yield Happened(key, uid_of(before), reason, condition["message"][:1024])


def _ours(status: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Conditions by (place, type): the object's own, its listeners', and those of our entries."""
    found = {("", item["type"]): item for item in status.get("conditions") or ()}
    for listener in status.get("listeners") or ():
        # What makes a listener not programmed is said by its other conditions.
        place = f"listener {listener['name']}"
        conditions = listener.get("conditions") or ()
        found |= {(place, item["type"]): item for item in conditions if item["type"] != "Programmed"}
    for field, reference in (("parents", "parentRef"), ("ancestors", "ancestorRef")):
        for entry in status.get(field) or ():
            if entry.get("controllerName") == CONTROLLER:
                ref = entry[reference]
                section = f"/{ref['sectionName']}" if ref.get("sectionName") else ""
                place = f"{ref.get('kind', 'Gateway')} {ref['name']}{section}"
                found |= {(place, item["type"]): item for item in entry.get("conditions") or ()}
    return found


def _place(where: tuple[str, str]) -> str:
    return f"{where[0]}: " if where[0] else ""
