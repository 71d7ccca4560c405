"""Where the API server is and who we are: found as kubectl and client-go find it, used by lightkube.

Found in this order, as controller-runtime does: a kubeconfig named by the caller, the files in KUBECONFIG, the pod's
service account, ~/.kube/config. lightkube reads them and makes an HTTP client that authenticates (client certificate,
token, token file, exec plugin) and verifies the server.

Rotation: whatever the credentials were made from is remembered with its inode, size and time. When one of these files
changes (a kubelet swaps token and CA of a pod, a person renews a client certificate), the next request gets a new
client from lightkube, and the old one ends when its last request has. On top of it lightkube reads a token file again,
and runs an exec plugin again, when the server answers 401.

This is the one module that knows lightkube and httpx2. Must not: log a credential.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.request import getproxies

import httpx2
import msgspec
import yaml
from lightkube.config.client_adapter import ConnectionParams
from lightkube.config.kubeconfig import SERVICE_ACCOUNT, KubeConfig, SingleConfig
from lightkube.config.models import NameValue
from lightkube.core.exceptions import ConfigError

from agw.kube.errors import CredentialsError

DEFAULT_KUBECONFIG = "~/.kube/config"
CONNECT_SECONDS = 10.0
_EXEC_KNOWN = "client.authentication.k8s.io/v1beta1"
_EXEC_STABLE = "client.authentication.k8s.io/v1"
BROKEN = (httpx2.HTTPError, ConnectionError, TimeoutError, ssl.SSLError)
"""What the library raises, or lets through, when a connection fails."""

REQUESTS_AT_ONCE = 16
"""Connections for requests. The library looks at each that is at rest for each request, so many are no gain."""

_FOR_REQUESTS = httpx2.Limits(
    max_connections=REQUESTS_AT_ONCE, max_keepalive_connections=REQUESTS_AT_ONCE, keepalive_expiry=60
)
_FOR_STREAMS = httpx2.Limits(max_connections=None, max_keepalive_connections=0)


# A peer that is gone without a word (its machine died, a balancer forgot the flow) is noticed within half a minute.
_ALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000),
)


@dataclass(frozen=True, slots=True)
class Source:
    """What to read. files: of KUBECONFIG, or one that was named; none: the pod's. context: "" the current one."""

    files: tuple[Path, ...] = ()
    context: str = ""
    service_account: str = SERVICE_ACCOUNT


def find(kubeconfig: str = "", context: str = "") -> Source:
    """Return where the credentials are. kubeconfig: a path, "" to look for it. Raises CredentialsError where nowhere."""
    if kubeconfig:
        return Source((Path(kubeconfig).expanduser(),), context)
    listed = [Path(each).expanduser() for each in os.environ.get("KUBECONFIG", "").split(os.pathsep) if each]
    if listed:
        return Source(tuple(listed), context)
    source = Source(context=context)
    if os.environ.get("KUBERNETES_SERVICE_HOST") and Path(source.service_account, "token").exists():
        return source
    home = Path(DEFAULT_KUBECONFIG).expanduser()
    if home.exists():
        return Source((home,), context)
    raise CredentialsError("no cluster is configured: KUBECONFIG is not set, and this is no pod")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client is made from. stamps: of the files that it came from, as they were when it was read.

    pod: they are a pod's own.
    """

    config: SingleConfig
    pod: bool
    stamps: tuple[tuple[str, tuple[int, int, int] | None], ...]

    @property
    def namespace(self) -> str:
        """The context's namespace, the pod's own in a cluster."""
        return self.config.namespace.strip()

    @property
    def server(self) -> str:
        """URL of the API server."""
        return self.config.cluster.server

    def stale(self) -> bool:
        """Whether a file has changed since."""
        return any(_stamp(name) != stamp for name, stamp in self.stamps)


def load(source: Source) -> Credentials:
    """Read the credentials. Raises CredentialsError."""
    # Stamps first: a file that changes while it is read must count as changed.
    before = {str(path): _stamp(str(path)) for path in source.files}
    try:
        config = _merged(source) if source.files else KubeConfig.from_service_account(source.service_account).get()
    except (
        ConfigError,
        OSError,
        KeyError,
        TypeError,
        AttributeError,
        yaml.YAMLError,
        msgspec.ValidationError,
    ) as error:
        where = ", ".join(map(str, source.files)) or source.service_account
        raise CredentialsError(f"the credentials in {where} cannot be used: {error}") from error
    if config is None or config.user is None:
        raise CredentialsError("the context has no user")
    config = _modern_exec(config)
    named = {name: _stamp(name) for name in _files(config)}
    missing = [name for name, stamp in named.items() if stamp is None]
    if missing:
        raise CredentialsError(f"the credentials name a file that is not there: {missing[0]}")
    return Credentials(config, not source.files, (*before.items(), *named.items()))


@dataclass(frozen=True, slots=True)
class Links:
    """HTTP clients: one for requests, one for streams, each of which has a connection to itself for as long as it lasts."""

    requests: httpx2.AsyncClient
    streams: httpx2.AsyncClient

    async def close(self) -> None:
        """End all connections."""
        await self.requests.aclose()
        await self.streams.aclose()


def connect(credentials: Credentials, user_agent: str) -> Links:
    """Return HTTP clients that authenticate and verify as the credentials say. Raises CredentialsError."""
    timeout = httpx2.Timeout(30.0, connect=CONNECT_SECONDS)
    try:
        parameters = ConnectionParams(timeout=timeout).httpx_params(credentials.config)
    except (ConfigError, OSError, ValueError) as error:  # SSLError is an OSError; ValueError: data that is not base64
        raise CredentialsError(f"the credentials for {credentials.server} cannot be used: {error}") from error
    context: ssl.SSLContext = parameters["verify"]
    # Python 3.13 asks by default for extensions that authorities of many clusters lack, and client-go does not.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    # Compressed lists cost more time, on both sides, than they save inside a cluster's network.
    headers = {"User-Agent": user_agent, "Accept": "application/json", "Accept-Encoding": "identity"}

    def made(limits: httpx2.Limits) -> httpx2.AsyncClient:
        # The API server of a pod is next to it, and NO_PROXY with a range of addresses, as pods have it, is more than
        # the library understands. With a kubeconfig a proxy may be the only way.
        if credentials.pod or not getproxies():
            transport = httpx2.AsyncHTTPTransport(verify=context, limits=limits, socket_options=_ALIVE)
            return httpx2.AsyncClient(**{**parameters, "transport": transport}, headers=headers)
        return httpx2.AsyncClient(**parameters, headers=headers, limits=limits)

    return Links(made(_FOR_REQUESTS), made(_FOR_STREAMS))


async def send(http: httpx2.AsyncClient, request: httpx2.Request) -> httpx2.Response:
    """Send with whatever authentication the client has; the body is left to be read.

    Raises CredentialsError where the token cannot be had (its file is gone, the plugin fails), else as httpx2 does.
    """
    try:
        return await http.send(request, stream=True)
    except BROKEN:
        raise
    except (ConfigError, OSError, ValueError, KeyError) as error:  # the last three: a plugin's, and of what it answers
        raise CredentialsError(f"no credentials for {request.url.host}: {error}") from error


def _merged(source: Source) -> SingleConfig | None:
    """KUBECONFIG may list files: for each name the first one that has it wins, and paths are relative to their file."""
    files = [path for path in source.files if path.exists()]
    if not files:
        raise ConfigError("no such file")
    configs = [_absolute(KubeConfig.from_file(path)) for path in files]
    merged = KubeConfig(
        clusters={name: each for config in reversed(configs) for name, each in config.clusters.items()},
        contexts={name: each for config in reversed(configs) for name, each in config.contexts.items()},
        users={name: each for config in reversed(configs) for name, each in config.users.items()},
        current_context=next((each.current_context for each in configs if each.current_context), None),
    )
    return merged.get(source.context or None)


def _absolute(config: KubeConfig) -> KubeConfig:
    assert config.fname is not None  # noqa: S101 - it came from a file
    folder = config.fname.absolute().parent

    def full(name: str | None) -> str | None:
        return str(folder / name) if name else name

    for cluster in config.clusters.values():
        cluster.certificate_auth = full(cluster.certificate_auth)
    for user in config.users.values():
        user.client_cert, user.client_key = full(user.client_cert), full(user.client_key)
        user.token_file = full(user.token_file)
    return config


def _modern_exec(config: SingleConfig) -> SingleConfig:
    """Let a plugin of the stable version run: what it answers has the same shape as in the beta, which lightkube knows.

    Every plugin is told which of the two to answer in, and that nobody is there to be asked (KUBERNETES_EXEC_INFO).
    """
    user = config.user
    if user is None or user.exec is None or user.exec.apiVersion not in {_EXEC_STABLE, _EXEC_KNOWN}:
        return config
    info = {"apiVersion": user.exec.apiVersion, "kind": "ExecCredential", "spec": {"interactive": False}}
    told = NameValue("KUBERNETES_EXEC_INFO", msgspec.json.encode(info).decode())
    plugin = msgspec.structs.replace(user.exec, apiVersion=_EXEC_KNOWN, env=[told, *(user.exec.env or ())])
    return config._replace(user=msgspec.structs.replace(user, exec=plugin))


def _files(config: SingleConfig) -> Iterable[str]:
    user = config.user
    named = [config.cluster.certificate_auth]
    named += [user.client_cert, user.client_key, user.token_file] if user else []
    return [name for name in named if name]


def _stamp(name: str) -> tuple[int, int, int] | None:
    """Tell a file from its successor; None where it is gone. Follows the symlinks that kubelets swap."""
    try:
        stat = os.stat(name)  # noqa: PTH116 - called for each request's client, so without a Path
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
