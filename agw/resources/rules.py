"""The schemas' CEL rules (x-kubernetes-validations), each once more in Python.

Why by hand: a CEL interpreter is a large dependency for two dozen rules. The table is keyed by the rule's own text, so
that a rule that changes in a schema and not here fails at once, and a test finds an entry that no schema has.
Our CRDs' rules are real CEL, which an API server runs. Those of the kinds that we only read borrow CEL's look, and name
what CEL has no word for (isQualifiedName, sameParent, ...) as functions below.

Each function gets plain data that is otherwise valid, with defaults filled in, and says whether the rule holds, or which
part of the value is at fault.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any, TypeAlias

from agw.resources.durations import milliseconds
from agw.resources.paths import Path


def normal(rule: str) -> str:
    """Rule text with its white space evened out: how the table is keyed."""
    return " ".join(rule.split())


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule that does not hold because of one part: where that is, below the value. at_key: the key is at fault."""

    path: Path
    at_key: bool = False


Verdict: TypeAlias = bool | Fault
Rule: TypeAlias = Callable[[Any], Verdict]


def distinct(items: Iterable[object]) -> Verdict:
    """Whether no two are equal; the second of the first pair is at fault."""
    seen: set[object] = set()
    for index, item in enumerate(items):
        if item in seen:
            return Fault((index,))
        seen.add(item)
    return True


def names_are_qualified(names: dict[str, Any]) -> Verdict:
    """Whether all keys are well formed."""
    return next((Fault((name,), at_key=True) for name in names if not is_qualified_name(name)), True)


def are_secret_keys(names: dict[str, Any]) -> Verdict:
    """Whether all keys can be entries of a Secret."""
    return next((Fault((name,), at_key=True) for name in names if not _SECRET_KEY.fullmatch(name)), True)


def is_qualified_name(key: str) -> bool:
    """Whether the key of a label or annotation is well formed."""
    prefix, slash, name = key.rpartition("/")
    if slash and not (len(prefix) <= 253 and _SUBDOMAIN.fullmatch(prefix)):
        return False
    return _QUALIFIED.fullmatch(name) is not None


_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_HOSTNAME = re.compile(r"(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED = re.compile(r"(?=.{1,63}\Z)[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_SECRET_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_PATH = re.compile(r"(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})+")


def ip_version(text: str) -> int:
    """4, 6, or 0 for what is no IP address."""
    try:
        return ipaddress.ip_address(text).version
    except ValueError:
        return 0


def is_address(text: str) -> bool:
    """Whether the text is an IP address or a DNS name."""
    return bool(ip_version(text)) or _SUBDOMAIN.fullmatch(text) is not None


def is_normal_path(path: str) -> bool:
    """Whether no part of the path would be read in two ways."""
    low = path.lower()
    return not any(bad in low for bad in ("//", "/./", "/../", "%2f", "#")) and not low.endswith(("/.", "/.."))


def parents_differ(parents: list[dict[str, Any]]) -> Verdict:
    """Whether no two parentRefs are the same in all that they say."""
    parts = ("group", "kind", "namespace", "name", "sectionName", "port")
    return distinct(tuple(parent.get(part) for part in parts) for parent in parents)


def parents_agree(parents: list[dict[str, Any]]) -> bool:
    """Whether parentRefs to one parent say in the same way which part of it each means.

    The standard channel's rule speaks of sectionName, the experimental one's of port too; what either takes is taken.
    """
    return all(
        ("sectionName" in a) == ("sectionName" in b)
        and (a.get("sectionName") != b.get("sectionName") or ("port" in a) == ("port" in b))
        for a, b in combinations(parents, 2)
        if all(a.get(part) == b.get(part) for part in ("group", "kind", "namespace", "name"))
    )


def replaces_prefix(filters: list[dict[str, Any]]) -> bool:
    """Whether a filter puts something in place of the matched prefix."""
    return any(
        part.get("path", {}).get("type") == "ReplacePrefixMatch"
        for one in filters
        for part in (one.get("requestRedirect", {}), one.get("urlRewrite", {}))
    )


def one_prefix_match(matches: list[dict[str, Any]]) -> bool:
    """Whether there is exactly one match, of type PathPrefix."""
    return len(matches) == 1 and matches[0]["path"]["type"] == "PathPrefix"


FILTER_FIELDS = {
    "RequestHeaderModifier": "requestHeaderModifier",
    "ResponseHeaderModifier": "responseHeaderModifier",
    "RequestMirror": "requestMirror",
    "RequestRedirect": "requestRedirect",
    "URLRewrite": "urlRewrite",
    "CORS": "cors",
    "ExternalAuth": "externalAuth",
    "ExtensionRef": "extensionRef",
}
_ONCE = ("RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect", "URLRewrite", "CORS")


def _below(name: str, verdict: Verdict) -> Verdict:
    return Fault((name, *verdict.path)) if isinstance(verdict, Fault) else verdict


def _types(filters: list[dict[str, Any]]) -> list[str]:
    return [one["type"] for one in filters]


def _targets_differ(targets: list[dict[str, Any]]) -> Verdict:
    return distinct((t["group"], t["kind"], t["name"], t.get("sectionName", "")) for t in targets)


def _listeners_differ(listeners: list[dict[str, Any]]) -> Verdict:
    return distinct((one["port"], one["protocol"], one.get("hostname", "")) for one in listeners)


def _addresses_differ(addresses: list[dict[str, Any]]) -> Verdict:
    return distinct((one["type"], one.get("value", index)) for index, one in enumerate(addresses))


def _path_replacement(path: dict[str, Any]) -> bool:
    return ("replaceFullPath" in path, "replacePrefixMatch" in path) == (
        path["type"] == "ReplaceFullPath",
        path["type"] == "ReplacePrefixMatch",
    )


def _timeouts_nest(timeouts: dict[str, Any]) -> bool:
    if "request" not in timeouts or "backendRequest" not in timeouts:
        return True
    request = milliseconds(timeouts["request"])
    return not request or milliseconds(timeouts["backendRequest"]) <= request


def _addresses(endpoints: list[dict[str, Any]]) -> Iterator[tuple[Path, str]]:
    for number, endpoint in enumerate(endpoints):
        for index, address in enumerate(endpoint["addresses"]):
            yield (number, "addresses", index), address


def _of_family(slice_: dict[str, Any]) -> Verdict:
    family = {"IPv4": 4, "IPv6": 6}.get(slice_["addressType"])
    for path, address in _addresses(slice_.get("endpoints", [])):
        if family is not None and ip_version(address) != family:
            return Fault(("endpoints", *path))
    return True


_BACKEND: dict[str, Rule] = {
    "self.type != 'A2A' || has(self.a2a)": lambda spec: spec["type"] != "A2A" or "a2a" in spec,
    "duration(self.interval) > duration('0s') && duration(self.timeout) > duration('0s')": lambda health: (
        milliseconds(health["interval"]) > 0 and milliseconds(health["timeout"]) > 0
    ),
    "duration(self.timeout) <= duration(self.interval)": lambda health: (
        milliseconds(health["timeout"]) <= milliseconds(health["interval"])
    ),
}

_TRAFFIC_POLICY: dict[str, Rule] = {
    "self.all(a, self.exists_one(b, a.group == b.group && a.kind == b.kind && a.name == b.name && "
    "(has(a.sectionName) ? a.sectionName : '') == (has(b.sectionName) ? b.sectionName : '')))": _targets_differ,
    "[has(self.header), has(self.query), has(self.cookie)].filter(x, x).size() == 1": lambda source: (
        sum(part in source for part in ("header", "query", "cookie")) == 1
    ),
    "!has(self.scheme) || has(self.header)": lambda source: "scheme" not in source or "header" in source,
}

_GATEWAY: dict[str, Rule] = {
    "self.all(a, self.exists_one(b, a.type == b.type && has(a.value) && has(b.value) && a.value == b.value) || "
    "!has(a.value))": _addresses_differ,
    "self.type != 'IPAddress' || !has(self.value) || isIP(self.value)": lambda address: (
        address["type"] != "IPAddress" or "value" not in address or bool(ip_version(address["value"]))
    ),
    "self.operator in ['In', 'NotIn'] ? size(self.values) > 0 : size(self.values) == 0": lambda term: (
        (term["operator"] in {"In", "NotIn"}) == bool(term.get("values"))
    ),
    "self.all(a, self.exists_one(b, a.port == b.port && a.protocol == b.protocol && "
    "(has(a.hostname) ? a.hostname : '') == (has(b.hostname) ? b.hostname : '')))": _listeners_differ,
    "!(self.protocol in ['HTTP', 'TCP', 'UDP']) || !has(self.tls)": lambda listener: (
        listener["protocol"] not in {"HTTP", "TCP", "UDP"} or "tls" not in listener
    ),
    "self.protocol != 'HTTPS' || !has(self.tls) || self.tls.mode == 'Terminate'": lambda listener: (
        listener["protocol"] != "HTTPS" or "tls" not in listener or listener["tls"]["mode"] == "Terminate"
    ),
    "self.type != 'Hostname' || !has(self.value) || isHostname(self.value)": lambda address: (
        address["type"] != "Hostname" or "value" not in address or _HOSTNAME.fullmatch(address["value"]) is not None
    ),
    "self.protocol != 'TLS' || has(self.tls)": lambda listener: listener["protocol"] != "TLS" or "tls" in listener,
    "!(self.protocol in ['TCP', 'UDP']) || !has(self.hostname)": lambda listener: (
        listener["protocol"] not in {"TCP", "UDP"} or "hostname" not in listener
    ),
    "self.mode != 'Terminate' || size(self.certificateRefs) > 0 || size(self.options) > 0": lambda tls: (
        tls["mode"] != "Terminate" or bool(tls.get("certificateRefs") or tls.get("options"))
    ),
}

_HTTP_ROUTE: dict[str, Rule] = {
    "self.rules.all(a, !has(a.name) || self.rules.exists_one(b, has(b.name) && a.name == b.name))": lambda spec: _below(
        "rules", distinct(rule.get("name", index) for index, rule in enumerate(spec["rules"]))
    ),
    "self.rules.map(r, size(r.matches)).sum() <= 128": lambda spec: (
        sum(len(rule["matches"]) for rule in spec["rules"]) <= 128
    ),
    "self.all(a, self.exists_one(b, a.group == b.group && a.kind == b.kind && a.name == b.name && "
    "optional(a.namespace) == optional(b.namespace) && optional(a.sectionName) == optional(b.sectionName) && "
    "optional(a.port) == optional(b.port)))": parents_differ,
    "self.all(a, self.all(b, !sameParent(a, b) || has(a.sectionName) == has(b.sectionName) && "
    "(has(a.sectionName) && a.sectionName != b.sectionName || has(a.port) == has(b.port))))": parents_agree,
    "has(self.http) == (self.protocol == 'HTTP') && has(self.grpc) == (self.protocol == 'GRPC')": lambda auth: (
        ("http" in auth, "grpc" in auth) == (auth["protocol"] == "HTTP", auth["protocol"] == "GRPC")
    ),
    "size(self.backendRefs) == 0 || !self.filters.exists(f, f.type == 'RequestRedirect')": lambda rule: (
        not rule.get("backendRefs") or "RequestRedirect" not in _types(rule.get("filters", []))
    ),
    "!replacesPrefix(self.filters) || onePrefixMatch(self.matches)": lambda rule: (
        not replaces_prefix(rule.get("filters", [])) or one_prefix_match(rule["matches"])
    ),
    "self.backendRefs.all(b, !replacesPrefix(b.filters)) || onePrefixMatch(self.matches)": lambda rule: (
        not any(replaces_prefix(ref.get("filters", [])) for ref in rule.get("backendRefs", []))
        or one_prefix_match(rule["matches"])
    ),
    "self.type == 'RegularExpression' || self.value.startsWith('/')": lambda path: (
        path["type"] == "RegularExpression" or path["value"].startswith("/")
    ),
    "self.type == 'RegularExpression' || isNormalPath(self.value)": lambda path: (
        path["type"] == "RegularExpression" or is_normal_path(path["value"])
    ),
    "self.type == 'RegularExpression' || hasPathCharacters(self.value)": lambda path: (
        path["type"] == "RegularExpression" or _PATH.fullmatch(path["value"]) is not None
    ),
    "!self.exists(f, f.type == 'RequestRedirect') || !self.exists(f, f.type == 'URLRewrite')": lambda filters: (
        not {"RequestRedirect", "URLRewrite"} <= set(_types(filters))
    ),
    "['RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestRedirect', 'URLRewrite', 'CORS']"
    ".all(t, self.filter(f, f.type == t).size() <= 1)": lambda filters: all(
        _types(filters).count(once) <= 1 for once in _ONCE
    ),
    "filterFields(self) == [filterField(self.type)]": lambda one: (
        [part for part in FILTER_FIELDS.values() if part in one] == [FILTER_FIELDS[one["type"]]]
    ),
    "!(has(self.percent) && has(self.fraction))": lambda mirror: not ("percent" in mirror and "fraction" in mirror),
    "self.group != '' || self.kind != 'Service' || has(self.port)": lambda ref: (
        ref["group"] != "" or ref["kind"] != "Service" or "port" in ref
    ),
    "self.numerator <= self.denominator": lambda fraction: fraction["numerator"] <= fraction["denominator"],
    "has(self.replaceFullPath) == (self.type == 'ReplaceFullPath') && "
    "has(self.replacePrefixMatch) == (self.type == 'ReplacePrefixMatch')": _path_replacement,
    "!('*' in self) || size(self) == 1": lambda names: "*" not in names or len(names) == 1,
    "!has(self.request) || !has(self.backendRequest) || duration(self.request) == duration('0s') || "
    "duration(self.backendRequest) <= duration(self.request)": _timeouts_nest,
}

_CORE: dict[str, Rule] = {
    "self.all(k, isQualifiedName(k))": names_are_qualified,
    "self.all(k, k.matches('^[-._a-zA-Z0-9]{1,253}$'))": are_secret_keys,
    "self.type != 'ExternalName' || has(self.externalName)": lambda spec: (
        spec["type"] != "ExternalName" or "externalName" in spec
    ),
    "self.type == 'ExternalName' || self.clusterIP == 'None' || size(self.ports) > 0": lambda spec: (
        spec["type"] == "ExternalName" or spec.get("clusterIP") == "None" or bool(spec.get("ports"))
    ),
    "size(self.ports) < 2 || self.ports.all(p, has(p.name))": lambda spec: (
        len(spec.get("ports", ())) < 2 or all("name" in port for port in spec["ports"])
    ),
    "self.ports.all(a, self.ports.exists_one(b, a.port == b.port && a.protocol == b.protocol))": lambda spec: _below(
        "ports", distinct((port["port"], port["protocol"]) for port in spec.get("ports", ()))
    ),
    "self.all(e, e.addresses.all(a, isAddress(a)))": lambda endpoints: next(
        (Fault(path) for path, address in _addresses(endpoints) if not is_address(address)), True
    ),
    "self.addressType == 'FQDN' || self.endpoints.all(e, e.addresses.all(a, isIP(a, self.addressType)))": _of_family,
}

RULES: dict[str, Rule] = {**_BACKEND, **_TRAFFIC_POLICY, **_GATEWAY, **_HTTP_ROUTE, **_CORE}
