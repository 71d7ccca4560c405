"""Filters of rules and of backendRefs: the Gateway API's, as what the data plane does, or why it cannot be done.

Rules: no filter is left out in silence. One that is not served, cannot be read or does not go with another makes its
rule answer 500, or, on a backendRef, that backend's share. What may be in a rule:
- each type once, but RequestMirror, which may be repeated (HTTPRouteFilter);
- RequestRedirect without URLRewrite, RequestMirror and backendRefs, since a redirected request goes nowhere;
- edits of any header but those of framing and of the connection: which message is whose is the gateway's to say, and a
  filter that said it too could smuggle (RFC 9112 6.1, RFC 9110 7.6.1);
- on a backendRef, header modifiers only.
A mirror whose backend does not resolve is told in ResolvedRefs, and its requests are served and not copied.

The order in which filters are written does not matter: the data plane has one order (`agw.snapshot.model.Filters`).

Must not: know where the route attaches, or which backends a rule has beyond that it has some.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from agw.errors import Problem
from agw.resources import gateway as api
from agw.snapshot import model
from agw.translate import codes, hostnames, paths
from agw.translate.backends import REFERENCE, about
from agw.translate.graph import Ask
from agw.translate.result import Loser, ObjectKey

UNSUPPORTED, INCOMPATIBLE = "UnsupportedValue", "IncompatibleFilters"
_REPEATED = frozenset({"RequestMirror", "ExtensionRef"})
_OURS = frozenset(
    {
        *("host", "content-length", "transfer-encoding", "te", "trailer", "expect"),
        *("connection", "keep-alive", "upgrade", "http2-settings", "proxy"),
    }
)
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+")  # RFC 9110 5.6.2
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]*")  # RFC 9110 5.5
_ORIGIN = re.compile(r"(https?)://(\*|(?:\*\.)?[-a-z0-9.]+)(?::([0-9]{1,5}))?")
_PORTS = {"http": "80", "https": "443"}
_STATUSES = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Fault:
    """What makes a filter unusable. reason: of the condition Accepted. path: from the object's root."""

    code: str
    path: str
    reason: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class FilterState:
    """The filters of one rule or backendRef. faults: why they cannot be had as a whole; () they can.

    unresolved: (reason, message) of each mirror's backend that leads nowhere.
    """

    filters: model.Filters | None = None
    faults: tuple[Fault, ...] = ()
    unresolved: tuple[tuple[str, str], ...] = ()
    problems: tuple[Problem, ...] = ()
    losers: tuple[Loser, ...] = ()


NO_FILTERS = FilterState()


@dataclass(slots=True)
class _Reading:
    """One list of filters being read: what it makes, and what is to be said of it."""

    ask: Ask
    subject: ObjectKey
    rule: api.HTTPRouteRule
    made: dict[str, object] = field(default_factory=dict)
    mirrors: list[model.Mirror] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    unresolved: list[tuple[str, str]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    losers: list[Loser] = field(default_factory=list)

    def refuse(self, path: str, message: str, hint: str = "", *, reason: str = UNSUPPORTED) -> None:
        """Note what cannot be."""
        self.faults.append(Fault(codes.FILTER_INVALID, path, reason, message, hint))

    def unserved(self, path: str, message: str, hint: str = "") -> None:
        """Note what agw does not do."""
        self.faults.append(Fault(codes.RULE_UNSERVED, path, UNSUPPORTED, message, hint))

    def idle(self, path: str, message: str) -> None:
        """Note what has no effect."""
        self.problems.append(codes.warning(codes.FILTER_IDLE, self.subject, path, message))

    def off(self, path: str, message: str) -> None:
        """Note what has no effect and is meant to have none."""
        self.problems.append(codes.info(codes.FILTER_IDLE, self.subject, path, message))

    def state(self) -> FilterState:
        """Give what was read; without faults there are filters, or there is nothing to do."""
        values = {**self.made, "mirrors": tuple(self.mirrors)}
        filters = model.Filters(**values)  # type: ignore[arg-type] # each reader gives the field of its name
        return FilterState(
            filters=filters if not self.faults and filters != model.Filters() else None,
            faults=tuple(self.faults),
            unresolved=tuple(self.unresolved),
            problems=tuple(self.problems),
            losers=tuple(self.losers),
        )


def rule_filters(ask: Ask, subject: ObjectKey, place: str, rule: api.HTTPRouteRule) -> FilterState:
    """Translate the filters of a rule. place: JSON path of the rule."""
    if not rule.filters:
        return NO_FILTERS
    reading = _Reading(ask, subject, rule)
    _combination(reading, place)
    for index, item in enumerate(rule.filters):
        path = f"{place}.filters[{index}]"
        if item.type in _SERVED:
            _read(reading, path, item)
        else:
            reading.unserved(f"{path}.type", _strange(item))
    return reading.state()


def backend_filters(ask: Ask, subject: ObjectKey, place: str, rule: api.HTTPRouteRule, index: int) -> FilterState:
    """Translate the filters of the rule's backendRef of that index. place: JSON path of the rule."""
    filters, place = rule.backend_refs[index].filters, f"{place}.backendRefs[{index}]"
    if not filters:
        return NO_FILTERS
    reading = _Reading(ask, subject, rule)
    _repetition(reading, place, filters)
    for number, item in enumerate(filters):
        path = f"{place}.filters[{number}]"
        if item.type in {"RequestHeaderModifier", "ResponseHeaderModifier"}:
            _read(reading, path, item)
        else:
            said = f"filter {item.type} is not served on a backendRef: header modifiers are"
            reading.unserved(f"{path}.type", said, "put it among the filters of the rule")
    return reading.state()


def _read(reading: _Reading, path: str, item: api.HTTPRouteFilter) -> None:
    name, attribute, reader = _SERVED[item.type]
    value = getattr(item, attribute)
    if value is None:
        reading.refuse(path, f"filter {item.type} needs its field {name}")
    else:
        reader(reading, f"{path}.{name}", value)


def _strange(item: api.HTTPRouteFilter) -> str:
    if item.type == "ExtensionRef" and item.extension_ref is not None:
        ref = item.extension_ref
        return f"filter ExtensionRef {ref.kind} {ref.name} is not served: agw has no filters of kinds of its own"
    return f"filter {item.type} is not served"


def _combination(reading: _Reading, place: str) -> None:
    """Find filters that do not go together."""
    rule = reading.rule
    _repetition(reading, place, rule.filters)
    if "RequestRedirect" not in {item.type for item in rule.filters}:
        return
    for index, item in enumerate(rule.filters):
        path = f"{place}.filters[{index}]"
        if item.type in {"URLRewrite", "RequestMirror"}:
            said = f"{item.type} does not go with RequestRedirect: a redirected request is not forwarded"
            reading.refuse(f"{path}.type", said, "make two rules of it", reason=INCOMPATIBLE)
        elif item.type == "RequestHeaderModifier":
            reading.idle(path, "RequestHeaderModifier has no effect beside RequestRedirect: nothing is forwarded")
    if rule.backend_refs:
        said = "backendRefs do not go with RequestRedirect: a redirected request is not forwarded"
        reading.refuse(f"{place}.backendRefs", said, "make two rules of it", reason=INCOMPATIBLE)


def _repetition(reading: _Reading, place: str, filters: tuple[api.HTTPRouteFilter, ...]) -> None:
    seen: Counter[str] = Counter()
    for index, item in enumerate(filters):
        seen[item.type] += 1
        if seen[item.type] == 2 and item.type not in _REPEATED:
            path = f"{place}.filters[{index}].type"
            reading.refuse(path, f"filter {item.type} may stand once", "make one of them", reason=INCOMPATIBLE)


def _request_headers(reading: _Reading, path: str, wanted: api.HTTPHeaderFilter) -> None:
    edit = _edit(reading, path, wanted)
    if "RequestRedirect" not in {item.type for item in reading.rule.filters}:
        reading.made["request_headers"] = edit


def _response_headers(reading: _Reading, path: str, wanted: api.HTTPHeaderFilter) -> None:
    reading.made["response_headers"] = _edit(reading, path, wanted)


def _edit(reading: _Reading, path: str, wanted: api.HTTPHeaderFilter) -> model.HeaderEdit | None:
    seen: set[str] = set()
    for where, name in _names(wanted):
        said, hint = _refusal(name)
        if not said and name.lower() in seen:
            said = f"header {name} is edited twice: one action for a name is all that a filter may have"
        seen.add(name.lower())
        if said:
            reading.refuse(f"{path}.{where}", said, hint)
    for kind, headers in (("set", wanted.set), ("add", wanted.add)):
        for index, header in enumerate(headers):
            if not _VALUE.fullmatch(header.value):
                said = f"the value for {header.name} has control characters, which no header can carry"
                reading.refuse(f"{path}.{kind}[{index}].value", said)
    made = model.HeaderEdit(
        set=tuple(model.Header(header.name, header.value.strip(" \t")) for header in wanted.set),
        add=tuple(model.Header(header.name, header.value.strip(" \t")) for header in wanted.add),
        remove=tuple(name.lower() for name in wanted.remove),
    )
    return made if made != model.HeaderEdit() else None


def _names(wanted: api.HTTPHeaderFilter) -> Iterator[tuple[str, str]]:
    """Yield (path within the filter, name) of every edit."""
    for kind, headers in (("set", wanted.set), ("add", wanted.add)):
        yield from ((f"{kind}[{index}].name", header.name) for index, header in enumerate(headers))
    yield from ((f"remove[{index}]", name) for index, name in enumerate(wanted.remove))


def _refusal(name: str) -> tuple[str, str]:
    """(why a header's name cannot stand in a filter or "", what to do instead)."""
    if not _TOKEN.fullmatch(name):
        return f"{name!r} is no header's name: letters, digits and !#$%&'*+-.^_`|~ are allowed", ""
    low = name.lower()
    if low in _OURS or low.startswith("proxy-"):
        hint = "URLRewrite sets the Host by its hostname" if low == "host" else ""
        return f"header {name} is of the connection or of framing, which no filter may edit", hint
    return "", ""


def _redirect(reading: _Reading, path: str, wanted: api.HTTPRequestRedirect) -> None:
    if wanted.status_code not in _STATUSES:
        reading.refuse(f"{path}.statusCode", f"status {wanted.status_code} is not served for a redirect")
    if wanted.scheme not in {None, *_PORTS}:
        reading.refuse(f"{path}.scheme", f"scheme {wanted.scheme} is not served for a redirect")
    if (wanted.scheme, wanted.hostname, wanted.port, wanted.path) == (None, None, None, None):
        reading.idle(path, "redirects to the very URL that was asked for: set scheme, hostname, port or path")
    reading.made["redirect"] = model.Redirect(
        status=wanted.status_code,
        scheme=wanted.scheme or "",
        hostname=_hostname(reading, f"{path}.hostname", wanted.hostname),
        port=wanted.port or 0,
        path=_path(reading, f"{path}.path", wanted.path),
    )


def _rewrite(reading: _Reading, path: str, wanted: api.HTTPURLRewrite) -> None:
    made = model.Rewrite(
        hostname=_hostname(reading, f"{path}.hostname", wanted.hostname),
        path=_path(reading, f"{path}.path", wanted.path),
    )
    if made != model.Rewrite():
        reading.made["rewrite"] = made


def _hostname(reading: _Reading, path: str, hostname: str | None) -> str:
    if hostname is None:
        return ""
    if not hostnames.is_precise(hostname.lower()):
        reading.refuse(path, f"{hostname!r} is no hostname")
    return hostname.lower()


def _path(reading: _Reading, path: str, wanted: api.HTTPPathModifier | None) -> model.PathEdit | None:
    if wanted is None:
        return None
    name, written = {
        "ReplaceFullPath": ("replaceFullPath", wanted.replace_full_path),
        "ReplacePrefixMatch": ("replacePrefixMatch", wanted.replace_prefix_match),
    }.get(wanted.type, ("type", None))
    if written is None:
        reading.refuse(
            f"{path}.{name}", f"path {wanted.type} is not served" if name == "type" else f"{name} is missing"
        )
        return None
    try:
        value = paths.replacement(written)
        if name == "replaceFullPath":
            return model.PathEdit(value)
        value = value.rstrip("/") or "/"
    except ValueError as error:
        reading.refuse(f"{path}.{name}", f"{written!r} cannot be put in place of a path: {error}")
        return None
    return _prefix_edit(reading, f"{path}.type", value)


def _prefix_edit(reading: _Reading, path: str, value: str) -> model.PathEdit | None:
    matches = reading.rule.matches or (api.HTTPRouteMatch(),)
    if len(matches) > 1 or matches[0].path.type != "PathPrefix":
        said = "ReplacePrefixMatch needs exactly one match in its rule, of type PathPrefix: else no prefix is known"
        reading.refuse(path, said)
        return None
    try:
        return model.PathEdit(value, paths.prefix(matches[0].path.value))
    except ValueError:  # told of the match itself, for which the rule answers 500
        return None


def _mirror(reading: _Reading, path: str, wanted: api.HTTPRequestMirror) -> None:
    subject, ref = reading.subject, wanted.backend_ref
    namespace = subject.namespace if ref.namespace is None else ref.namespace
    route, backend = f"{subject.kind}/{subject.namespace}", f"{namespace}/{ref.name}"
    state = reading.ask(REFERENCE, route, f"{ref.group}/{ref.kind}", backend, ref.port or 0)
    reading.problems += about(subject, f"{path}.backendRef", state)
    if state.reason:
        said = f"{state.message}: nothing is mirrored"
        reading.unresolved.append((state.reason, said))
        reading.losers.append(Loser(subject, state.reason, said, f"{path}.backendRef"))
        return
    part = wanted.fraction or api.Fraction(100 if wanted.percent is None else wanted.percent)
    if not 0 <= part.numerator <= part.denominator or not part.denominator:
        reading.refuse(path, f"{part.numerator} in {part.denominator} is no part of the requests")
    elif part.numerator:
        reading.mirrors.append(model.Mirror(state.key, part.numerator, part.denominator))
    else:
        reading.off(path, "a share of 0: nothing is mirrored")


def _cors(reading: _Reading, path: str, wanted: api.HTTPCORS) -> None:
    if not wanted.allow_origins:
        reading.idle(path, "no allowOrigins: browsers let no other origin's page read the answers")
    for name, listed in (("allowHeaders", wanted.allow_headers), ("exposeHeaders", wanted.expose_headers)):
        for index, header in enumerate(listed):
            if not _TOKEN.fullmatch(header):
                reading.refuse(f"{path}.{name}[{index}]", f"{header!r} is no header's name")
    for index, method in enumerate(wanted.allow_methods):
        if not _TOKEN.fullmatch(method):
            reading.refuse(f"{path}.allowMethods[{index}]", f"{method!r} is no method")
    expose = _star(wanted.expose_headers)
    if wanted.allow_credentials and expose == ("*",):
        said = "exposeHeaders `*` has no effect beside allowCredentials: browsers take it for a name there"
        reading.idle(f"{path}.exposeHeaders", said)
        expose = ()
    origins = [
        _origin(reading, f"{path}.allowOrigins[{index}]", text) for index, text in enumerate(wanted.allow_origins)
    ]
    reading.made["cors"] = model.Cors(
        origins=_star(tuple(dict.fromkeys(origins))),
        methods=_star(wanted.allow_methods),
        headers=_star(wanted.allow_headers),
        expose=expose,
        credentials=wanted.allow_credentials,
        max_age=wanted.max_age,
    )


def _star(names: tuple[str, ...]) -> tuple[str, ...]:
    """Give the names; all of them where `*` is among them."""
    return ("*",) if "*" in names else names


def _origin(reading: _Reading, path: str, text: str) -> str:
    """Give an origin as browsers write it: lower-case, and without the port that its scheme has anyway."""
    if text == "*":
        return text
    found = _ORIGIN.fullmatch(text.lower())
    if found is None:
        reading.refuse(path, f"{text!r} is no origin: http or https, a host, and a port where it is another")
        return ""
    scheme, host, port = found.groups()
    return f"{scheme}://{host}" + (f":{int(port)}" if port and port.lstrip("0") != _PORTS[scheme] else "")


_SERVED: Mapping[str, tuple[str, str, Callable[[_Reading, str, Any], None]]] = {
    "RequestHeaderModifier": ("requestHeaderModifier", "request_header_modifier", _request_headers),
    "ResponseHeaderModifier": ("responseHeaderModifier", "response_header_modifier", _response_headers),
    "RequestRedirect": ("requestRedirect", "request_redirect", _redirect),
    "URLRewrite": ("urlRewrite", "url_rewrite", _rewrite),
    "RequestMirror": ("requestMirror", "request_mirror", _mirror),
    "CORS": ("cors", "cors", _cors),
}
"""The types that are served: field in the manifest, field of the value, and who reads it."""
