"""Codes of the problems that translation reports: stable, one meaning each, documented by their use."""

from __future__ import annotations

from agw.errors import Problem, Severity

CLASS_UNKNOWN = "AGW2001"  # the Gateway's class is not ours, or nobody's
CLASS_INVALID = "AGW2002"  # the GatewayClass itself cannot be used
GATEWAY_INVALID = "AGW2010"  # the Gateway as a whole cannot be used
GATEWAY_UNSERVED = "AGW2011"  # a field of the Gateway that is not served
LISTENER_PROTOCOL = "AGW2012"
LISTENER_CONFLICT = "AGW2013"
LISTENER_KINDS = "AGW2014"
LISTENER_CERTIFICATE = "AGW2015"  # a certificate that is missing, refused or not in PEM
PARENT_MISSING = "AGW2020"  # a route names a Gateway that does not exist
NOT_ATTACHED = "AGW2021"  # no listener of the Gateway takes the route
RULE_UNSERVED = "AGW2022"  # a filter or another feature that is not served: the rule answers 500
MATCH_INVALID = "AGW2023"  # a match that cannot be evaluated: the rule answers 500
RULE_SHADOWED = "AGW2024"  # another rule takes the same requests first
RULE_WITHOUT_BACKEND = "AGW2025"  # no backendRefs: the rule answers 500
PARENT_KIND = "AGW2026"  # a parent of a kind that is not ours
FILTER_INVALID = "AGW2027"  # a filter that cannot be, or not beside another: the rule answers 500
FILTER_IDLE = "AGW2028"  # a filter, or a part of one, that has no effect
NOT_SERVED = "AGW2029"  # the route attaches to what is not served
REF_KIND = "AGW2030"
REF_NOT_PERMITTED = "AGW2031"
REF_NOT_FOUND = "AGW2032"
REF_UNSUPPORTED = "AGW2033"
NO_SLICES = "AGW2040"  # a Service with no EndpointSlice: where it runs is not known
NO_READY_ENDPOINT = "AGW2041"
BACKEND_UNUSED = "AGW2051"
BACKEND_UNREAD = "AGW2052"  # a Backend that this release cannot read: whoever names it answers 500
POLICY_TARGET = "AGW2060"  # a target that does not exist or cannot be one
POLICY_CONFLICT = "AGW2062"  # an older policy sets the same field on the same target
POLICY_SECRET = "AGW2063"  # noqa: S105 - a code; the Secret is missing or holds no usable key: everything is refused
POLICY_UNREAD = "AGW2064"  # a policy that this release cannot read: its targets answer 500
KEY_SOURCE = "AGW2065"  # a place for keys in which none lets anybody in
KEY_REFUSED = "AGW2070"  # an entry of a Secret that can be no key
KEY_TRIMMED = "AGW2071"  # a trailing newline was taken off a key
KEY_TWICE = "AGW2072"  # two consumers share one key


def error(code: str, subject: object, path: str, message: str, hint: str = "") -> Problem:
    """Make an error; the position is looked up when the translation is put together."""
    return Problem(code, message, Severity.ERROR, str(subject), path=path, hint=hint)


def warning(code: str, subject: object, path: str, message: str, hint: str = "") -> Problem:
    """Make a warning."""
    return Problem(code, message, Severity.WARNING, str(subject), path=path, hint=hint)


def info(code: str, subject: object, path: str, message: str, hint: str = "") -> Problem:
    """Make a note."""
    return Problem(code, message, Severity.INFO, str(subject), path=path, hint=hint)
