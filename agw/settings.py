"""Process settings: one table, read from flags and the environment.

Each row of `TABLE` is a flag (`--header-deadline`) and an environment variable (`AGW_HEADER_DEADLINE`); a flag wins.
`agw settings` prints the table, the command line makes its options from it, and a test holds it and the fields of
`Settings` together. What a user configures about traffic (routes, policies, backends) is not here: that is manifests.

Text forms: durations as in the Gateway API (GEP-2257: `2s`, `500ms`, `1m30s`), sizes as Kubernetes quantities (`8Mi`).
This module imports nothing of agw and nothing heavy: `agw --help` loads it. It reads no environment by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any


class SettingsError(ValueError):
    """One or more settings cannot be read; `problems` has a line for each, naming the flag or variable and the rule."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        """Keep the lines; the text is all of them."""
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Address:
    """An address to listen on. host: an IP literal (IPv6 without brackets) or a name."""

    host: str
    port: int

    def __str__(self) -> str:
        """`host:port`, an IPv6 host in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Kind(Enum):
    """What the text of a setting means."""

    DURATION = "duration"  # int, milliseconds
    SIZE = "size"  # int, bytes
    COUNT = "count"  # int
    ADDRESS = "address"  # Address
    HOST = "host"  # str, an IP literal or a name
    NAMES = "names"  # tuple of lower-case names
    NETWORKS = "networks"  # tuple of CIDRs as text
    CHOICE = "choice"  # str, one of `choices`
    SWITCH = "switch"  # bool, written true or false
    TARGET = "target"  # str: off, stdout, or the path of a file
    STORE = "store"  # str: "", or a URL without a password
    PATH = "path"  # str, "" for none


@dataclass(frozen=True, slots=True)
class Setting:
    """A row of the table. default: as text, in the form that a user would write."""

    name: str
    kind: Kind
    default: str
    help: str
    unit: str = ""
    choices: tuple[str, ...] = ()
    minimum: int = 0
    maximum: int = 2**31 - 1

    @property
    def flag(self) -> str:
        """The command-line option."""
        return "--" + self.name.replace("_", "-")

    @property
    def env(self) -> str:
        """The environment variable."""
        return "AGW_" + self.name.upper()

    def parse(self, text: str) -> Any:  # noqa: ANN401 - the kind decides the type; Settings has the types
        """Return the value that the text means; ValueError says the rule that it breaks."""
        if self.kind is Kind.CHOICE:
            return _choice(text, self.choices)
        value = _PARSERS[self.kind](text)
        if self.kind is not Kind.SWITCH and isinstance(value, int) and not self.minimum <= value <= self.maximum:
            limits = f"{self.show(self.minimum)} to {self.show(self.maximum)}"
            raise ValueError(f"must be {limits}")
        return value

    def quoted(self, text: str) -> str:
        """Repeat a text that cannot be read, for a message; nothing of a URL, where a password may stand."""
        return "" if self.kind is Kind.STORE else f" {text!r}"

    def show(self, value: Any) -> str:  # noqa: ANN401 - the inverse of parse
        """Return the text form of a value, in the form that `parse` reads."""
        if self.kind is Kind.DURATION:
            return format_duration(value)
        if self.kind is Kind.SIZE:
            return format_size(value)
        if self.kind in {Kind.NAMES, Kind.NETWORKS}:
            return ",".join(value)
        if self.kind is Kind.SWITCH:
            return str(value).lower()
        return str(value)


_DURATION = re.compile(r"(?:[0-9]{1,5}(?:h|m|s|ms)){1,4}", re.ASCII)
_DURATION_PART = re.compile(r"([0-9]{1,5})(ms|h|m|s)", re.ASCII)
_MILLISECONDS = {"h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_SIZE = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?)(Ki|Mi|Gi|Ti|Pi|Ei|k|M|G|T|P|E|e[0-9]{1,2})?", re.ASCII)
_BINARY = ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL = ("k", "M", "G", "T", "P", "E")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)
_IPV6 = re.compile(r"[0-9a-f:.]*:[0-9a-f:.]*", re.ASCII)
_MAX_PORT = 65_535
_STORES = ("valkey", "valkeys", "redis", "rediss", "unix")


def parse_duration(text: str) -> int:
    """Milliseconds of a Gateway API duration (GEP-2257): one to four of `<digits><h|m|s|ms>`; ValueError otherwise."""
    if not _DURATION.fullmatch(text):
        raise ValueError("must be a duration such as 2s, 500ms or 1m30s")
    return sum(int(number) * _MILLISECONDS[unit] for number, unit in _DURATION_PART.findall(text))


def format_duration(milliseconds: int) -> str:
    """Text of a duration, largest units first: 90000 is `1m30s`, 0 is `0s`."""
    parts = []
    for unit, size in _MILLISECONDS.items():
        count, milliseconds = divmod(milliseconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def parse_size(text: str) -> int:
    """Bytes of a Kubernetes quantity (`8Mi`, `64Ki`, `1.5G`, `2e6`); it must be a whole number of bytes."""
    found = _SIZE.fullmatch(text)
    if not found:
        raise ValueError("must be a size such as 64Ki, 8Mi or 1000000")
    number, suffix = Decimal(found[1]), found[2] or ""
    if suffix in _BINARY:
        number *= 1024 ** (_BINARY.index(suffix) + 1)
    elif suffix in _DECIMAL:
        number *= 1000 ** (_DECIMAL.index(suffix) + 1)
    elif suffix:
        number *= 10 ** int(suffix[1:])
    if number != int(number):
        raise ValueError("must be a whole number of bytes")
    return int(number)


def format_size(size: int) -> str:
    """Text of a size with the largest binary suffix that fits exactly: 65536 is `64Ki`."""
    suffix = ""
    for candidate in _BINARY:
        if not size or size % 1024:
            break
        size, suffix = size // 1024, candidate
    return f"{size}{suffix}"


def parse_address(text: str) -> Address:
    """`host:port`, `:port` (every address) or `[ipv6]:port`; ValueError otherwise."""
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or not 0 <= int(port) <= _MAX_PORT:
        raise ValueError("must be HOST:PORT, such as 127.0.0.1:15000")
    if host.startswith("[") and host.endswith("]"):
        return Address(host[1:-1], int(port))
    if ":" in host:
        raise ValueError("an IPv6 address needs brackets, such as [::1]:15000")
    return Address(host or "::", int(port))


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError("must be a whole number")
    return int(text)


def _host(text: str) -> str:
    host = text.removeprefix("[").removesuffix("]").lower()
    if not (_NAME.fullmatch(host) or _IPV6.fullmatch(host)):
        raise ValueError("must be an IP address or a host name, without a port")
    return host


def _names(text: str) -> tuple[str, ...]:
    names = tuple(part.strip().lower() for part in text.split(",") if part.strip())
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a host name; must be names with commas between them, without ports")
    return names


def _networks(text: str) -> tuple[str, ...]:
    from ipaddress import ip_network  # noqa: PLC0415 - few set it, and every start would pay for the import

    networks = []
    for part in (part.strip() for part in text.split(",")):
        try:
            networks += [str(ip_network(part))] if part else []
        except ValueError as error:
            raise ValueError(f"must be networks such as 10.0.0.0/8, with commas between them: {error}") from None
    return tuple(networks)


def _choice(text: str, choices: tuple[str, ...]) -> str:
    if text not in choices:
        raise ValueError("must be one of " + ", ".join(choices))
    return text


def _switch(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("must be true or false")
    return text == "true"


def _target(text: str) -> str:
    if not text or "\0" in text or text.endswith("/"):
        raise ValueError("must be off, stdout or the path of a file")
    return text


def _store(text: str) -> str:
    from urllib.parse import parse_qs, unquote, urlsplit  # noqa: PLC0415 - few set it

    scheme, found, rest = text.partition("://")
    if text and (not found or scheme not in _STORES or not rest):
        raise ValueError("must be a URL such as valkey://HOST:6379/0; " + ", ".join(_STORES))
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), 0
    if ":" in unquote(rest.rpartition("@")[0]) or "password" in parse_qs(parts.query, keep_blank_values=True):
        raise ValueError("a password does not belong here, where all can read it: --limit-store-password-file")
    if port == 0:
        raise ValueError("must be a URL such as valkey://HOST:6379/0, with a port from 1 to 65535")
    return text


def _path(text: str) -> str:
    if "\0" in text or text.endswith("/"):
        raise ValueError("must be the path of a file")
    return text


_PARSERS: dict[Kind, Callable[[str], Any]] = {
    Kind.DURATION: parse_duration,
    Kind.SIZE: parse_size,
    Kind.COUNT: _count,
    Kind.ADDRESS: parse_address,
    Kind.NAMES: _names,
    Kind.HOST: _host,
    Kind.SWITCH: _switch,
    Kind.TARGET: _target,
    Kind.NETWORKS: _networks,
    Kind.STORE: _store,
    Kind.PATH: _path,
}

_SECOND = 1_000
_DAY = 86_400 * _SECOND

TABLE: tuple[Setting, ...] = (
    Setting(
        "workers",
        Kind.COUNT,
        "0",
        "worker processes; 0 = one per usable core, and at least 2",
        "processes",
        maximum=1024,
    ),
    Setting("bind", Kind.HOST, "127.0.0.1", "address that listener ports are served on, but for those with --listen"),
    Setting("admin", Kind.ADDRESS, "127.0.0.1:15000", "address of the admin port"),
    Setting("admin_host", Kind.NAMES, "", "further names that a Host at the admin port may have; commas between them"),
    Setting("drain_timeout", Kind.DURATION, "55s", "how long live exchanges may go on after SIGTERM", maximum=_DAY),
    Setting(
        "drain_grace",
        Kind.DURATION,
        "0s",
        "how long connections are still taken after SIGTERM, however idle: what a load balancer needs to notice",
        maximum=_DAY,
    ),
    Setting(
        "log_level", Kind.CHOICE, "info", "least level that is logged", choices=("debug", "info", "warning", "error")
    ),
    Setting("log_format", Kind.CHOICE, "text", "form of a log line", choices=("text", "json")),
    Setting("access_log", Kind.TARGET, "off", "where a JSON line per request goes: off, stdout, or a file"),
    Setting("access_log_starts", Kind.SWITCH, "false", "a line in the access log when an event stream begins, too"),
    Setting(
        "header_deadline", Kind.DURATION, "10s", "time for a whole request head, absolute", minimum=1, maximum=_DAY
    ),
    Setting("body_idle", Kind.DURATION, "30s", "silence allowed inside a request body", minimum=1, maximum=_DAY),
    Setting(
        "keepalive_idle", Kind.DURATION, "10m", "how long an idle client connection is kept", minimum=1, maximum=_DAY
    ),
    Setting(
        "write_stall",
        Kind.DURATION,
        "30s",
        "how long a peer may take nothing of what waits for it",
        minimum=1,
        maximum=_DAY,
    ),
    Setting(
        "min_rate",
        Kind.SIZE,
        "240",
        "least pace of a body once it has been moving for 10 s, from a client and to one; 0 = any",
        "bytes/s",
        maximum=2**30,
    ),
    Setting(
        "connection_requests",
        Kind.COUNT,
        "10000",
        "requests served on one client connection before it is closed; 0 = unlimited",
        "requests",
    ),
    Setting("connect_timeout", Kind.DURATION, "10s", "time to connect to an endpoint", minimum=1, maximum=_DAY),
    Setting(
        "response_header_timeout",
        Kind.DURATION,
        "10m",
        "time until the head of an agent's answer; blocking sends take minutes",
        minimum=1,
        maximum=_DAY,
    ),
    Setting(
        "upstream_idle",
        Kind.DURATION,
        "4s",
        "how long an idle connection to an endpoint is kept; Python agents close theirs after 5 s",
        minimum=1,
        maximum=_DAY,
    ),
    Setting("max_body", Kind.SIZE, "0", "largest request body; 0 = unlimited", "bytes", maximum=2**62),
    Setting("max_head", Kind.SIZE, "64Ki", "largest request or response head", "bytes", minimum=1024, maximum=2**24),
    Setting(
        "max_line", Kind.SIZE, "16Ki", "longest request target or header line", "bytes", minimum=1024, maximum=2**24
    ),
    Setting("max_fields", Kind.COUNT, "100", "most header fields in one head", "fields", minimum=8, maximum=10_000),
    Setting(
        "trusted_hops",
        Kind.COUNT,
        "0",
        "proxies in front that are trusted: entries of X-Forwarded-For kept from the right",
        "hops",
        maximum=32,
    ),
    Setting(
        "trusted_peers",
        Kind.NETWORKS,
        "",
        "networks of proxies in front whose X-Forwarded-Proto, X-Request-Id and X-Real-IP are believed; with any named, "
        "trusted hops count for these alone",
    ),
    Setting(
        "proxy_protocol",
        Kind.NETWORKS,
        "",
        "networks of load balancers that must begin each connection with a PROXY header, version 2; nobody else may",
    ),
    Setting(
        "forwarded",
        Kind.CHOICE,
        "drop",
        "Forwarded (RFC 7239) towards agents: none, or one with the same content as X-Forwarded-*",
        choices=("drop", "write"),
    ),
    Setting("via", Kind.SWITCH, "true", "Via towards agents, by which a loop is found and answered with 508"),
    Setting(
        "max_connections",
        Kind.COUNT,
        "100000",
        "most client connections of one worker; at the limit the one that is idle longest gives way",
        "connections",
        minimum=1,
    ),
    Setting(
        "endpoint_inflight",
        Kind.COUNT,
        "1024",
        "most requests of one worker at one endpoint, streams that have begun not counted; 0 = unlimited",
        "requests",
    ),
    Setting(
        "queue_size",
        Kind.COUNT,
        "1024",
        "most requests of one worker that wait for a busy backend; what is over is answered 503",
        "requests",
    ),
    Setting(
        "queue_timeout",
        Kind.DURATION,
        "10s",
        "how long a request may wait for a busy backend",
        minimum=1,
        maximum=_DAY,
    ),
    Setting(
        "affinity_ids",
        Kind.COUNT,
        "262144",
        "ids of tasks and contexts whose endpoints are remembered for Backends with affinity, 24 bytes each; those not "
        "used for longest give way",
        "ids",
        minimum=1024,
        maximum=2**26,
    ),
    Setting(
        "worker_silence",
        Kind.DURATION,
        "30s",
        "how long a worker may give no sign of life before it is replaced",
        minimum=100,
        maximum=_DAY,
    ),
    Setting(
        "dns_refresh", Kind.DURATION, "5s", "how often names of targets are resolved again", minimum=100, maximum=_DAY
    ),
    Setting(
        "loop_lag",
        Kind.DURATION,
        "100ms",
        "how long a worker's loop may be held up before the log says by what; 0s = it is not watched",
        maximum=_DAY,
    ),
    Setting("core_dumps", Kind.SWITCH, "false", "allow core dumps and debuggers, which see every request and key"),
    Setting(
        "own_endpoints", Kind.SWITCH, "true", "Backends may lead to this machine (loopback, link-local); false in pods"
    ),
    Setting(
        "search_domains",
        Kind.SWITCH,
        "true",
        "names of Backends are completed by the resolver's search domains; false in pods, where they are absolute",
    ),
    Setting(
        "denied_networks",
        Kind.NETWORKS,
        "",
        "networks that no Backend may reach by an address or a DNS name; endpoints of Services are not asked",
    ),
    Setting(
        "limit_store",
        Kind.STORE,
        "",
        "where rate limits over pods are counted, such as valkey://HOST:6379/0 (valkeys: TLS); without it each pod counts",
    ),
    Setting("limit_store_password_file", Kind.PATH, "", "file whose first line is the password for that store"),
    Setting(
        "limit_sync",
        Kind.DURATION,
        "100ms",
        "how often a pod tells that store what it has taken, and learns what all have",
        minimum=10,
        maximum=60 * _SECOND,
    ),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The values of all settings. Durations are milliseconds, sizes bytes. The defaults are in `TABLE` alone."""

    workers: int
    bind: str
    admin: Address
    admin_host: tuple[str, ...]
    drain_timeout: int
    drain_grace: int
    log_level: str
    log_format: str
    access_log: str
    access_log_starts: bool
    header_deadline: int
    body_idle: int
    keepalive_idle: int
    write_stall: int
    min_rate: int
    connection_requests: int
    connect_timeout: int
    response_header_timeout: int
    upstream_idle: int
    max_body: int
    max_head: int
    max_line: int
    max_fields: int
    trusted_hops: int
    trusted_peers: tuple[str, ...]
    proxy_protocol: tuple[str, ...]
    forwarded: str
    via: bool
    max_connections: int
    endpoint_inflight: int
    queue_size: int
    queue_timeout: int
    affinity_ids: int
    worker_silence: int
    dns_refresh: int
    loop_lag: int
    core_dumps: bool
    own_endpoints: bool
    search_domains: bool
    denied_networks: tuple[str, ...]
    limit_store: str
    limit_store_password_file: str
    limit_sync: int

    @classmethod
    def load(cls, env: Mapping[str, str], overrides: Mapping[str, str | None] | None = None) -> Settings:
        """Read every setting: the override (a flag's text by setting name), else the environment, else the default.

        An override of None is a flag that was not given.
        Raises SettingsError with every setting that cannot be read. Variables that no setting owns are left alone:
        Kubernetes itself sets such names for a Service called `agw`. An empty variable counts as not set.
        """
        flags = overrides or {}
        unknown = sorted(flags.keys() - {setting.name for setting in TABLE})
        problems = [f"{name}: no such setting" for name in unknown]
        values: dict[str, Any] = {}
        for setting in TABLE:
            given = flags.get(setting.name)
            origin = setting.flag if given is not None else setting.env
            text = given if given is not None else env.get(setting.env) or setting.default
            try:
                values[setting.name] = setting.parse(text)
            except ValueError as error:
                problems.append(f"{origin}{setting.quoted(text)}: {error}")
        if problems:
            raise SettingsError(tuple(problems))
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table that `agw settings` prints, all text. value: what is in force."""

    flag: str
    env: str
    kind: str
    default: str
    value: str
    unit: str
    help: str


def rows(settings: Settings) -> tuple[Row, ...]:
    """Return the generated table: every setting with its default and the value in force."""
    return tuple(
        Row(
            flag=setting.flag,
            env=setting.env,
            kind="|".join(setting.choices) or setting.kind.value,
            default=setting.default,
            value=setting.show(getattr(settings, setting.name)),
            unit=setting.unit,
            help=setting.help,
        )
        for setting in TABLE
    )
