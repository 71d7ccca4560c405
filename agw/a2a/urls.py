"""Where a URL in an agent card leads: to the gateway already, to this backend behind it, or to somebody else.

Rules: a URL is *public* where it lies under the public base; it is *ours* where its host is one of the backend's, or one
that no client outside could mean (loopback, a wildcard address, a name that only a cluster or one machine resolves);
else it is *foreign*. Ports of our hosts do not count: an agent publishes the port that it listens on, a Service or a
container maps it to another, and a client must be told of neither.

Cards are written by hand and by many SDKs, so the forms are read leniently: `host:port` without a scheme (the A2A 1.0
form of gRPC), `//host`, `dns:///host:port`, short IPv4 forms, upper case, a trailing dot, user information.

Must not: resolve names, look at the network, trust a client's Host.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from enum import Enum
from typing import Self

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

_URL = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*):)?/{2,}([^/?#\\]*)(.*)", re.DOTALL)
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_*.-]+):([0-9]{1,5})((?:[/?#].*)?)", re.DOTALL)
_HOST_ONLY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_*.-]+)()()")
_HOST_PORT = re.compile(r"(\[[^\]]*\]|[^:]*)(?::([0-9]*))?")
_BASE_HOST = re.compile(r"\[[0-9a-f:.]+\]|[a-z0-9]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9_-]*[a-z0-9])?)*\.?")
_PATH = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)*/?")
_NUMERIC = re.compile(r"[0-9][0-9a-fx.]*")

_LOCAL_NAMES = frozenset({"*", "localhost", "localhost.localdomain"})
_LOCAL_SUFFIXES = (".localhost", ".svc", ".cluster.local", ".docker.internal", ".containers.internal")


class Place(Enum):
    """Where a URL leads, as seen by the gateway."""

    PUBLIC = "public"  # under the public base already
    OURS = "ours"  # this backend, or a host that only exists on its side
    FOREIGN = "foreign"  # somebody else, or a form that nobody here understands


@dataclass(frozen=True, slots=True)
class PublicBase:
    """The URL under which clients reach a backend. authority: lower-case, no default port. path: no trailing slash.

    inner: what the agent has in place of path, where the gateway rewrites paths on the way, "" for nothing; no trailing
    slash. None where the agent sees the paths that its clients ask for.
    """

    scheme: str
    authority: str
    path: str = ""
    inner: str | None = None

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read `http(s)://host[:port][/path]`; ValueError with the reason where it is anything else."""
        found = re.fullmatch(r"(https?)://([^/?#\\]*)([^?#]*)(.*)", url, re.IGNORECASE | re.DOTALL)
        if found is None:
            raise ValueError("expected http://host or https://host, with an optional port and path")
        scheme, authority, path, rest = found.groups()
        if rest:
            raise ValueError("a query or fragment has no place in a base URL")
        if "@" in authority:
            raise ValueError("user information has no place in a URL that is shown to every client")
        if _PATH.fullmatch(path) is None or {".", ".."} & set(path.split("/")):
            raise ValueError(f"{path!r} is not a plain path")
        parts = _HOST_PORT.fullmatch(authority.lower())
        if parts is None or _BASE_HOST.fullmatch(parts[1]) is None:
            raise ValueError(f"{authority!r} is not a host with an optional port")
        port = int(parts[2] or DEFAULT_PORTS[scheme.lower()])
        return cls.of(scheme.lower(), parts[1], port, path)

    @classmethod
    def of(cls, scheme: str, host: str, port: int, path: str = "") -> Self:
        """Build one from a listener: an IPv6 address may come with or without brackets."""
        if not 0 < port < 65_536:
            raise ValueError(f"{port} is not a port")
        name = normal_host(host)
        authority = f"[{name}]" if ":" in name else name
        return cls(scheme, authority if port == DEFAULT_PORTS[scheme] else f"{authority}:{port}", path.rstrip("/"))

    def __str__(self) -> str:
        """Give the URL, without a trailing slash."""
        return f"{self.scheme}://{self.authority}{self.path}"


@dataclass(frozen=True, slots=True)
class Address:
    """What a URL says. scheme: lower-case, "" without one. port: 0 where not given. rest: path, query, fragment."""

    scheme: str
    host: str
    port: int
    rest: str

    @property
    def is_http(self) -> bool:
        """Whether this gateway can serve it: an HTTP URL, or none of any scheme."""
        return self.scheme in {"", "http", "https"}


def parse_address(url: str, *, grpc: bool = False) -> Address | None:
    """Read a URL of a card, in any of the forms above; None where it names no host. grpc: a bare host is one too."""
    url = url.strip()
    if found := _URL.fullmatch(url):
        scheme, authority, rest = (found[1] or "").lower(), found[2], found[3]
        if not authority and scheme == "dns":  # dns://resolver/host:port; the resolver is nearly always empty
            return parse_address(rest.lstrip("/"), grpc=grpc)
        parts = _HOST_PORT.fullmatch(authority.rpartition("@")[2])
        if parts is None or not parts[1]:
            return None
        return Address(scheme, normal_host(parts[1]), int(parts[2] or 0), rest)
    found = _AUTHORITY.fullmatch(url) or (_HOST_ONLY.fullmatch(url) if grpc else None)
    if found is None:
        return None
    return Address("", normal_host(found[1]), int(found[2] or 0), found[3])


def normal_host(host: str) -> str:
    """Lower-case, no brackets, no trailing dot; addresses in their one canonical form."""
    name = host.strip("[]").lower().removesuffix(".")
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return _short_ipv4(name) if _NUMERIC.fullmatch(name) else name
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def locate(address: Address, base: PublicBase, hosts: frozenset[str], *, grpc: bool = False) -> Place:
    """Say where an address leads. hosts: the backend's, in normal form. gRPC has no path, so none is compared."""
    if _authority(address) == _base_authority(base) and (grpc or path_is_under(address.rest, base.path)):
        return Place.PUBLIC
    if address.host in hosts or is_local(address.host):
        return Place.OURS
    return Place.FOREIGN


def publish(address: Address, base: PublicBase) -> str:
    """Give the public form of one of our HTTP URLs: sub-path, query and fragment kept.

    A path that lies under the base's own path is not doubled: such an agent sees the public path and answers on it. One
    that lies under what the gateway puts in its place goes the same way back.
    """
    path, rest = base.path, address.rest
    if base.inner is not None and path_is_under(rest, base.inner):
        rest = rest[len(base.inner) :]
    elif path_is_under(rest, path):
        path = ""
    return f"{base.scheme}://{base.authority}{path}{rest}"


def path_is_under(rest: str, prefix: str) -> bool:
    """Whether a path (with what follows it) lies at or under a prefix, by whole segments."""
    return rest.startswith(prefix) and rest[len(prefix) : len(prefix) + 1] in {"", "/", "?", "#"}


def is_local(host: str) -> bool:
    """Whether a host, in normal form, means something only on the agent's machine or in its cluster."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        one_label = "." not in host
        return one_label or host in _LOCAL_NAMES or host.endswith(_LOCAL_SUFFIXES) or ".svc." in host
    return address.is_loopback or address.is_unspecified or address.is_link_local


def _authority(address: Address) -> tuple[str, int]:
    """Host and effective port."""
    return address.host, address.port or DEFAULT_PORTS.get(address.scheme, 0)


def _base_authority(base: PublicBase) -> tuple[str, int]:
    """Host and effective port of a base."""
    address = parse_address(str(base))
    return _authority(address) if address else ("", 0)


def _short_ipv4(name: str) -> str:
    """Give 127.0.0.1 for 127.1 or 0x7f000001, which HTTP clients accept, and the name itself where it is none."""
    try:
        return socket.inet_ntoa(socket.inet_aton(name))
    except OSError:
        return name
