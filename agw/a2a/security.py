"""Adds the gateway's own API key to what an agent card says about security, so that clients attach the key themselves.

The agent's requirements stay: ours is joined to each alternative (AND), because a request has to please both the
gateway and the agent. Both generations of readers must understand it, and one document may serve both, so the scheme is
written in a merged form and listed twice:

    securitySchemes:       {"gatewayApiKey": {"type": "apiKey", "in": "header", "name": N,
                                              "apiKeySecurityScheme": {"location": "header", "name": N}}}
    security:              [{..., "gatewayApiKey": []}]                           A2A 0.3, OpenAPI's shape
    securityRequirements:  [{"schemes": {..., "gatewayApiKey": {"list": []}}}]    A2A 1.0

The 0.3 SDK takes a scheme in the 1.0 form alone for mutual TLS, without a word; the merged form is read right by both.
A scheme of the agent's that says the same is used instead of a second one. Members may bear their proto names
(`security_schemes`): SDKs of 1.0 read both.
"""

from __future__ import annotations

import itertools
import json
from typing import NamedTuple, TypeAlias

from agw.a2a.splice import Container, Edit, change, dump

SCHEME = "gatewayApiKey"

_SCHEMES = ("securitySchemes", "security_schemes")
_OLD = ("security",)
_NEW = ("securityRequirements", "security_requirements")

Requirement: TypeAlias = dict[str, list[object]]  # scheme name -> scopes


class KeyPlace(NamedTuple):
    """A place where the gateway looks for a key: a header, and the scheme before the key in its value ("" for none)."""

    header: str
    scheme: str = ""


class Additions(NamedTuple):
    """What to change in a card, and what to append to its members."""

    edits: list[Edit]
    append: tuple[str, ...] = ()


def advertise(card: Container, keys: tuple[KeyPlace, ...]) -> Additions:
    """Say in a card that one of these keys is needed; nothing where the card says so already."""
    scheme = _scheme(keys)
    if not scheme:
        return Additions([])
    name, declared = _declare(card, scheme)
    additions = [declared, _require(card, _OLD, name), _require(card, _NEW, name), _require_of_skills(card, name)]
    edits = [edit for addition in additions for edit in addition.edits]
    return Additions(edits, tuple(text for addition in additions for text in addition.append))


def _scheme(keys: tuple[KeyPlace, ...]) -> dict[str, object]:
    """Choose the place to advertise: a plain header first, because it leaves Authorization to the agent."""
    for key in keys:
        if not key.scheme:
            name = "X-API-Key" if key.header.lower() == "x-api-key" else key.header
            new = {"location": "header", "name": name}
            return {"type": "apiKey", "in": "header", "name": name, "apiKeySecurityScheme": new}
    for key in keys:
        if key.header.lower() == "authorization":
            return {"type": "http", "scheme": key.scheme, "httpAuthSecurityScheme": {"scheme": key.scheme}}
    return {}


def _declare(card: Container, scheme: dict[str, object]) -> tuple[str, Additions]:
    """Give the scheme's name in this card, and what declares it where it is not declared yet."""
    declared = {part.name: json.loads(card.raw(part)) for box in _boxes(card, _SCHEMES, "{") for part in box.parts}
    for known, value in declared.items():
        if _says_the_same(value, scheme):
            return known, Additions([])
    free = (f"{SCHEME}{number}" if number > 1 else SCHEME for number in itertools.count(1))
    name = next(candidate for candidate in free if candidate not in declared)
    member = f"{dump(name)}:{dump(scheme)}"
    edits = [edit for box in _boxes(card, _SCHEMES, "{") for edit in change(box, append=(member,))]
    edits += [(part.value, part.end, f"{{{member}}}") for part in card.named(*_SCHEMES) if card.raw(part) == "null"]
    return name, Additions(edits, () if card.named(*_SCHEMES) else (f'"{_SCHEMES[0]}":{{{member}}}',))


def _says_the_same(declared: object, scheme: dict[str, object]) -> bool:
    """Whether a declared scheme, in either generation's form, asks for the same header."""
    if not isinstance(declared, dict):
        return False
    old = declared if declared.get("type") == scheme["type"] else {}
    if scheme["type"] == "apiKey":
        new = declared.get("apiKeySecurityScheme") or declared.get("api_key_security_scheme")
        forms = [(old.get("in"), old.get("name"))]
        forms += [(new.get("location"), new.get("name"))] if isinstance(new, dict) else []
        wanted = ("header", str(scheme["name"]).lower())
        return any((where, str(name).lower()) == wanted for where, name in forms)
    new = declared.get("httpAuthSecurityScheme") or declared.get("http_auth_security_scheme")
    named = [old.get("scheme"), new.get("scheme") if isinstance(new, dict) else None]
    return str(scheme["scheme"]).lower() in [str(found).lower() for found in named]


def _require(card: Container, members: tuple[str, ...], name: str) -> Additions:
    """Join the scheme to the card's requirements; where it has none, start from the other generation's list."""
    present = [part for part in card.named(*members) if card.raw(part) != "null"]
    if present:  # what is neither a list nor null cannot be read by anybody, and is not ours to mend
        return Additions([edit for box in _boxes(card, members, "[") for edit in _join(box, members, name)])
    others = _alternatives(card, _NEW if members is _OLD else _OLD) or [{}]
    value = dump([_item(members, {**other, name: other.get(name, [])}) for other in others])
    holes = [(part.value, part.end, value) for part in card.named(*members)]
    return Additions(holes, () if holes else (f'"{members[0]}":{value}',))


def _require_of_skills(card: Container, name: str) -> Additions:
    """Join the scheme to the lists of single skills, which speak instead of the card's; none is started."""
    skills = [skill for box in _boxes(card, ("skills",), "[") for part in box.parts if (skill := box.open(part, "{"))]
    lists = [(box, members) for skill in skills for members in (_OLD, _NEW) for box in _boxes(skill, members, "[")]
    return Additions([edit for box, members in lists if box.parts for edit in _join(box, members, name)])


def _join(box: Container, members: tuple[str, ...], name: str) -> list[Edit]:
    """Add the scheme to every alternative of a list that lacks it, or to an empty list as the only one."""
    if not box.parts:
        return change(box, append=(dump(_item(members, {name: []})),))
    edits: list[Edit] = []
    for item in filter(None, (box.open(part, "{") for part in box.parts)):
        if members is _OLD:
            edits += _add(item, name, "[]")
        elif item.named("schemes"):
            schemes = [found for part in item.named("schemes") if (found := item.open(part, "{"))]
            edits += [edit for found in schemes for edit in _add(found, name, '{"list":[]}')]
        else:
            edits += _add(item, "schemes", dump({name: {"list": []}}))
    return edits


def _add(box: Container, name: str, value: str) -> list[Edit]:
    """Add a member to an object that has none of that name."""
    return [] if box.named(name) else change(box, append=(f"{dump(name)}:{value}",))


def _alternatives(card: Container, members: tuple[str, ...]) -> list[Requirement]:
    """Read a list of requirements; what is not well-formed is passed over."""
    found: list[Requirement] = []
    for box in _boxes(card, members, "["):
        for item in (json.loads(box.raw(part)) for part in box.parts):
            schemes = item.get("schemes") if members is _NEW and isinstance(item, dict) else item
            if isinstance(schemes, dict):
                found.append({scheme: _scopes(value) for scheme, value in schemes.items()})
    return found


def _scopes(value: object) -> list[object]:
    """Read the scopes of one scheme, in either generation's form."""
    scopes = value.get("list") if isinstance(value, dict) else value
    return scopes if isinstance(scopes, list) else []


def _item(members: tuple[str, ...], requirement: Requirement) -> dict[str, object]:
    """Give one requirement in this generation's form."""
    if members is _OLD:
        return dict(requirement)
    return {"schemes": {scheme: {"list": scopes} for scheme, scopes in requirement.items()}}


def _boxes(card: Container, names: tuple[str, ...], bracket: str) -> list[Container]:
    """Give the members of these names that are objects (or arrays)."""
    return [box for part in card.named(*names) if (box := card.open(part, bracket))]
