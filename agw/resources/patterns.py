"""What each `pattern` of our schemas means in words: nobody should have to read a regular expression in an error.

A test holds this table and the schema files together, both ways.
"""

from __future__ import annotations

from dataclasses import dataclass

from agw.resources import codes


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a value should be. expected: completes the sentence `found ..., expected`."""

    expected: str
    code: str = codes.PATTERN


_DURATION = Meaning("a duration such as 30s, 500ms or 1m30s (0s is off)", codes.DURATION)
_LABEL = Meaning(
    "a name of lower-case letters, digits and `-`, beginning and ending with a letter or digit", codes.NAME
)
_SUBDOMAIN = Meaning(
    "a name of lower-case letters, digits, `-` and `.`, each part beginning and ending with a letter or digit",
    codes.NAME,
)
_HOSTNAME = Meaning("a DNS name in lower case, such as agents.example.com or *.example.com", codes.HOSTNAME)
_FIELD_NAME = Meaning("a name of letters, digits and !#$%&'*+-.^_`|~")

MEANINGS: dict[str, Meaning] = {
    r"^([0-9]{1,5}(h|m|s|ms)){1,4}$": _DURATION,
    r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$": _LABEL,
    r"^[a-z]([-a-z0-9]*[a-z0-9])?$": Meaning(
        "a name of lower-case letters, digits and `-`, beginning with a letter", codes.NAME
    ),
    r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$": _SUBDOMAIN,
    r"^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$": Meaning(
        'an API group such as gateway.networking.k8s.io, or "" for core kinds'
    ),
    r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$": _HOSTNAME,
    r"^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$": Meaning("a kind such as HTTPRoute: letters, digits and `-`"),
    r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/[A-Za-z0-9\/\-._~%!$&'()*+,;=:]+$": Meaning(
        "a domain and a path, such as example.com/controller"
    ),
    r"^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$"
    r"|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/[A-Za-z0-9]+$": Meaning(
        "HTTP, HTTPS, TLS, TCP, UDP, or a domain and a name such as example.com/proto"
    ),
    r"^Hostname|IPAddress|NamedAddress"
    r"|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/[A-Za-z0-9\/\-._~%!$&'()*+,;=:]+$": Meaning(
        "IPAddress, Hostname, or a domain and a name"
    ),
    r"^[A-Za-z0-9!#$%&'*+\-.^_\x60|~]+$": _FIELD_NAME,
    r"^[A-Za-z0-9!#$%&'*+.^_\x60|~-]+$": _FIELD_NAME,
    r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$": Meaning(
        "a label value: letters, digits, `-`, `_` and `.`, beginning and ending with a letter or digit"
    ),
    r"^[-._a-zA-Z0-9]+$": Meaning("the name of an entry of a Secret: letters, digits, `-`, `_` and `.`"),
    r"^([A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9_])?)*\.?"
    r"|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*)$": Meaning(
        "a Service's name, a DNS name or an IP address, with no scheme, port or path", codes.HOSTNAME
    ),
    r"^https?://[-A-Za-z0-9._~\[\]:]+(/[-A-Za-z0-9._~%!$&'()*+,;=:@/]*)?$": Meaning(
        "an http or https URL with no user, query or fragment, such as https://agents.example.com/hello"
    ),
    r"^/[-A-Za-z0-9._~%!$&'()*+,;=:@/?]*$": Meaning("a path that begins with `/`"),
    r"^[!-~]+([\t ][!-~]+)*$": Meaning(
        "a header value: printable ASCII, with single spaces or tabs only between words"
    ),
    r"^\*$|^https?://((\*\.)?([-a-zA-Z0-9]+\.)*[-a-zA-Z0-9]+|\*)(:[0-9]{1,5})?$": Meaning(
        "an origin such as https://example.com, https://*.example.com, or `*`"
    ),
    r"^([-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})+$": Meaning("a URL path"),
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$": (
        Meaning("a condition's type")
    ),
    r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$": Meaning("one word in CamelCase"),
}
