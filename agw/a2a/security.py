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
from typing import NamedTuple, TypeAlias

from agw.a2a.splice import Container, Edit, Part, change, dump

SCHEME = "gatewayApiKey"

_SCHEMES = ("securitySchemes", "security_schemes")
_OLD = ("security",)
_NEW = ("securityRequirements", "security_requirements")

Scheme: TypeAlias = dict[str, object]
Requirement: TypeAlias = dict[str, str]  # scheme name -> the text of its scopes


class KeyPlace(NamedTuple):
    """A place where the gateway looks for a key: a header with the scheme before the key in its value ("" for none).

    where: `header`, or `query` or `cookie`, of which `header` is the parameter's or cookie's name then.
    """

    header: str
    scheme: str = ""
    where: str = "header"


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


def _scheme(keys: tuple[KeyPlace, ...]) -> Scheme:
    """Choose the place to advertise: a plain header first, because it leaves Authorization to the agent."""
    for key in keys:
        if not key.scheme and key.where == "header":
            return _api_key("X-API-Key" if key.header.lower() == "x-api-key" else key.header, "header")
    for key in keys:
        if key.header.lower() == "authorization" and key.where == "header":
            return {"type": "http", "scheme": key.scheme, "httpAuthSecurityScheme": {"scheme": key.scheme}}
    for key in keys:  # last: SDKs attach no key there by themselves
        if key.where != "header":
            return _api_key(key.header, key.where)
    return {}


def _api_key(name: str, where: str) -> Scheme:
    return {
        "type": "apiKey",
        "in": where,
        "name": name,
        "apiKeySecurityScheme": {"location": where, "name": name},
    }


def _declare(card: Container, scheme: Scheme) -> tuple[str, Additions]:
    """Give the scheme's name in this card, and what declares it where it is not declared yet."""
    boxes = _boxes(card, _SCHEMES, "{")
    for box in boxes:
        for part in box.parts:
            declared = box.open(part, "{")
            if declared is not None and _says_the_same(declared, scheme):
                return part.name, Additions([])
    taken = {part.name for box in boxes for part in box.parts}
    free = (f"{SCHEME}{number}" if number > 1 else SCHEME for number in itertools.count(1))
    name = next(candidate for candidate in free if candidate not in taken)
    member = f"{dump(name)}:{dump(scheme)}"
    edits = [edit for box in boxes for edit in change(box, append=(member,))]
    edits += [(part.value, part.end, f"{{{member}}}") for part in card.named(*_SCHEMES) if card.raw(part) == "null"]
    return name, Additions(edits, () if card.named(*_SCHEMES) else (f'"{_SCHEMES[0]}":{{{member}}}',))


def _says_the_same(declared: Container, scheme: Scheme) -> bool:
    """Whether a declared scheme, in either generation's form, asks for the same key."""
    old = [declared] if declared.string("type") == scheme["type"] else []
    if scheme["type"] == "apiKey":
        new = _boxes(declared, ("apiKeySecurityScheme", "api_key_security_scheme"), "{")
        where, name = str(scheme["in"]), str(scheme["name"])
        for box in (*old, *new):
            same = box.string("name").lower() == name.lower() if where == "header" else box.string("name") == name
            if same and box.string("in", "location") == where:
                return True
        return False
    new = _boxes(declared, ("httpAuthSecurityScheme", "http_auth_security_scheme"), "{")
    return str(scheme["scheme"]).lower() in [box.string("scheme").lower() for box in (*old, *new)]


def _require(card: Container, members: tuple[str, ...], name: str) -> Additions:
    """Join the scheme to the card's requirements; where it has none, start from the other generation's list."""
    present = [part for part in card.named(*members) if card.raw(part) != "null"]
    if present:  # what is neither a list nor null cannot be read by anybody, and is not ours to mend
        return Additions([edit for box in _boxes(card, members, "[") for edit in _join(box, members, name)])
    others = _alternatives(card, _NEW if members is _OLD else _OLD) or [{}]
    value = "[" + ",".join(_item(members, {**other, name: other.get(name, "[]")}) for other in others) + "]"
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
        return change(box, append=(_item(members, {name: "[]"}),))
    edits: list[Edit] = []
    old, new = f"{dump(name)}:[]", f'{dump(name)}:{{"list":[]}}'
    for item in filter(None, (box.open(part, "{") for part in box.parts)):
        if members is _OLD:
            edits += _add(item, name, old)
        elif item.named("schemes"):
            schemes = [found for part in item.named("schemes") if (found := item.open(part, "{"))]
            edits += [edit for found in schemes for edit in _add(found, name, new)]
        else:
            edits += change(item, append=(f'"schemes":{{{new}}}',))
    return edits


def _add(box: Container, name: str, member: str) -> list[Edit]:
    """Add a member to an object that has none of that name."""
    return [] if box.named(name) else change(box, append=(member,))


def _alternatives(card: Container, members: tuple[str, ...]) -> list[Requirement]:
    """Read a list of requirements; what is not well-formed is passed over."""
    found: list[Requirement] = []
    for item in (item for box in _boxes(card, members, "[") for part in box.parts if (item := box.open(part, "{"))):
        schemes = [item] if members is _OLD else _boxes(item, ("schemes",), "{")
        found.append({part.name: _scopes(box, part) for box in schemes for part in box.parts})
    return found


def _scopes(box: Container, part: Part) -> str:
    """Give the text of one scheme's scopes, in either generation's form; "[]" where it is neither."""
    inner = box.open(part, "{")
    texts = [box.raw(part)] if inner is None else [inner.raw(listed) for listed in inner.named("list")]
    return next((text for text in reversed(texts) if text.startswith("[")), "[]")


def _item(members: tuple[str, ...], requirement: Requirement) -> str:
    """Write one requirement in this generation's form."""
    if members is _OLD:
        return "{" + ",".join(f"{dump(scheme)}:{scopes}" for scheme, scopes in requirement.items()) + "}"
    schemes = ",".join(f'{dump(scheme)}:{{"list":{scopes}}}' for scheme, scopes in requirement.items())
    return f'{{"schemes":{{{schemes}}}}}'


def _boxes(card: Container, names: tuple[str, ...], bracket: str) -> list[Container]:
    """Give the members of these names that are objects (or arrays)."""
    return [box for part in card.named(*names) if (box := card.open(part, bracket))]
