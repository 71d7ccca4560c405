"""Where the API server is and who we are: found as kubectl and client-go find it, used by lightkube.

Found in this order, as controller-runtime does: a kubeconfig named by the caller, the files in KUBECONFIG, the pod's
service account, ~/.kube/config. lightkube reads them and makes an HTTP client that authenticates (client certificate,
token, token file, exec plugin) and verifies the server.

Rotation: whatever the credentials were made from is remembered with its inode, size and time. When one of these files
changes (a kubelet swaps token and CA of a pod, a person renews a client certificate), the next request gets a new
client from lightkube, and the old one ends when its last request has. On top of it lightkube reads a token file again,
and runs an exec plugin again, when the server answers 401.

This and `client` alone know httpx2: watches are read with it, and where the way to the cluster leads through a proxy, all
requests are. Others go the short way (`wire`). Must not: log a credential.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.request import getproxies

import httpx2
import msgspec
import yaml
from lightkube.config.client_adapter import ConnectionParams
from lightkube.config.kubeconfig import SERVICE_ACCOUNT, KubeConfig, SingleConfig
from lightkube.config.models import NameValue
from lightkube.core.exceptions import ConfigError

from agw.kube.errors import CredentialsError
from agw.kube.wire import CONNECT_SECONDS, Answer, Ask, Authentication, Pool

DEFAULT_KUBECONFIG = "~/.kube/config"
_EXEC_KNOWN = "client.authentication.k8s.io/v1beta1"
_EXEC_STABLE = "client.authentication.k8s.io/v1"
BROKEN = (httpx2.HTTPError, ConnectionError, TimeoutError, ssl.SSLError)
"""What is raised when a connection fails."""

REQUESTS_AT_ONCE = 24
"""Connections for requests."""

TIMEOUT = httpx2.Timeout(None, connect=CONNECT_SECONDS)
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


class Requests(Protocol):
    """What takes requests."""

    async def send(self, ask: Ask) -> Answer:
        """Exchange one request. Raises one of BROKEN, or what the authentication raises."""

    async def close(self) -> None:
        """End all connections."""


class Proxied:
    """Requests by the library, which knows proxies."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        """Take a client; it is this object's to close."""
        self._http = http

    async def send(self, ask: Ask) -> Answer:
        """Exchange one request."""
        response = await self._http.send(built(self._http, ask))
        return Answer(response.status_code, response.content, response.headers.get("Retry-After", ""))

    async def close(self) -> None:
        """End all connections."""
        await self._http.aclose()


def built(http: httpx2.AsyncClient, ask: Ask) -> httpx2.Request:
    """Give the library's request. What bounds it in time is around it: a watch's body may be silent for minutes."""
    headers = {"Content-Type": ask.content_type} if ask.body is not None else {}
    path = ask.path.removeprefix("/")
    return http.build_request(
        ask.method, path, params=dict(ask.query), content=ask.body, headers=headers, timeout=TIMEOUT
    )


@dataclass(frozen=True, slots=True)
class Links:
    """Ways to the server: for requests, and for streams, each of which has a connection to itself for as long as it lasts."""

    requests: Requests
    streams: httpx2.AsyncClient

    async def close(self) -> None:
        """End all connections."""
        await self.requests.close()
        await self.streams.aclose()


def connect(credentials: Credentials, user_agent: str) -> Links:
    """Return what authenticates and verifies as the credentials say. Raises CredentialsError."""
    timeout = httpx2.Timeout(30.0, connect=CONNECT_SECONDS)
    # Compressed lists cost more time, on both sides, than they save inside a cluster's network.
    headers = {"User-Agent": user_agent, "Accept": "application/json", "Accept-Encoding": "identity"}
    try:
        parameters = ConnectionParams(timeout=timeout).httpx_params(credentials.config)
        context: ssl.SSLContext = parameters["verify"]
        # Python 3.13 asks by default for extensions that authorities of many clusters lack, and client-go does not.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.set_alpn_protocols(["http/1.1"])
        auth: Authentication | None = parameters["auth"]
        pool = Pool(credentials.server, context, auth, headers, _ALIVE)
    except (ConfigError, OSError, ValueError) as error:  # SSLError is an OSError; ValueError: data that is not base64
        raise CredentialsError(f"the credentials for {credentials.server} cannot be used: {error}") from error
    # The API server of a pod is next to it, and NO_PROXY with a range of addresses, as pods have it, is more than
    # the library understands. With a kubeconfig a proxy may be the only way.
    if credentials.pod or not getproxies():
        transport = httpx2.AsyncHTTPTransport(verify=context, limits=_FOR_STREAMS, socket_options=_ALIVE)
        return Links(pool, httpx2.AsyncClient(**{**parameters, "transport": transport}, headers=headers))
    requests = Proxied(httpx2.AsyncClient(**parameters, headers=headers, limits=_FOR_REQUESTS))
    return Links(requests, httpx2.AsyncClient(**parameters, headers=headers, limits=_FOR_STREAMS))


@contextmanager
def authenticated(server: str) -> Iterator[None]:
    """Raise what an authentication raises (its token's file is gone, its plugin fails) as CredentialsError."""
    try:
        yield
    except BROKEN:
        raise
    except (ConfigError, OSError, ValueError, KeyError) as error:  # the last three: a plugin's, and of what it answers
        raise CredentialsError(f"no credentials for {server}: {error}") from error


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
