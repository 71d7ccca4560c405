"""The proxies that are compared, each with the configuration that its own documentation recommends for this work.

A peer is a function from a `Setup` to a command line; it may write configuration files into the setup's folder. Where
a choice favours somebody, it favours the peer: nginx, HAProxy and Envoy keep pools of connections to the agent, log nothing,
add no forwarding headers and check no key, all of which agw does do (its TrafficPolicy is always on). With `keys` they check
the same keys, by comparing strings, and remove the credential, as agw does; with `routes` they know the same routes, each in
the form that its pages recommend for many, and answer nothing else.

Another proxy is one more row of PEERS: a function that writes what it needs into the setup's folder and returns its argv, in
the foreground; its processes are found, pinned, weighed and stopped by the rig.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import ROOT, RigError, envoy
from bench.build import program
from bench.manifests import place
from bench.procs import free_port

SEED = ROOT / "examples" / "seed"
AGENT = "demo-a2a-agent-server:9999"  # what the seed's Backend names


@dataclass(frozen=True, slots=True)
class Setup:
    """Where a proxy listens and forwards to, on 127.0.0.1. folder: its own, for files that it needs.

    keys, routes: what a peer is asked to check and to tell apart (`manifests.place`); none: it takes whatever comes.
    changes: of its configuration, in each second of load. large: bodies are much larger than usual buffers. streams: the
    traffic is event streams, which no proxy may hold back. workers: processes, or threads where a peer has those
    instead. manifests, resolve: what agw serves, and the backend name that stands for the agent. arguments: more flags
    for agw.
    """

    folder: Path = Path()
    port: int = 0
    upstream: int = 0
    keys: Sequence[str] = ()
    routes: int = 0
    changes: int = 0
    large: bool = False
    streams: bool = False
    workers: int = 1
    manifests: Path = SEED
    resolve: str = AGENT
    arguments: Sequence[str] = field(default_factory=tuple)

    def places(self) -> list[tuple[str, str]]:
        """Host and path prefix of each route."""
        return [place(number) for number in range(self.routes)]

    def hosts(self) -> dict[str, list[str]]:
        """The path prefixes of each host that has routes; empty: whatever comes is taken."""
        found: dict[str, list[str]] = {}
        for host, path in self.places():
            found.setdefault(host, []).append(path)
        return found


def nowhere() -> str | None:
    """Where a proxy is that comes in no package of Python."""
    return None


@dataclass(frozen=True, slots=True)
class Peer:
    """A proxy. executable: what must be on the PATH, "" for what the rig brings. version: argv that prints it.

    packaged: where its executable is when it came as a Python package, None when it did not.
    """

    name: str
    command: Callable[[Setup], list[str]]
    executable: str = ""
    version: Sequence[str] = ()
    install: str = ""
    packaged: Callable[[], str | None] = nowhere

    def missing(self) -> bool:
        """Whether it is not on this machine."""
        return bool(self.executable) and self.find() is None

    def find(self) -> str | None:
        """Its executable; the sbin folders are searched too, since Debian keeps them out of users' PATH."""
        places = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
        return shutil.which(self.executable, path=places) or self.packaged()

    def describe(self) -> str:
        """Its version, as it tells it itself."""
        if not self.version:
            return ""
        argv = [self.find() or self.executable, *self.version[1:]] if self.executable else list(self.version)
        done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=ROOT)
        return version_in(done.stdout + done.stderr)


def version_in(text: str) -> str:
    """The first version number that a program tells of itself (Envoy puts its path before it), else its first line."""
    found = re.search(r"\d+\.\d+[\w.+~-]*", text.partition("version")[2] or text)
    return found[0] if found else text.strip().partition("\n")[0]


def direct(_setup: Setup) -> list[str]:
    """No proxy at all: the client connects to the agent, and there is nothing to start."""
    return []


def relay(setup: Setup) -> list[str]:
    """The floor: bytes moved from socket to socket."""
    return [program("relay"), "--listen", f"127.0.0.1:{setup.port}", "--upstream", f"127.0.0.1:{setup.upstream}"]


NGINX_KEYS = """
    map_hash_max_size 1048576;
    map_hash_bucket_size 128;
    map $http_authorization $known {{
        default 0;
        {keys}
    }}"""
NGINX = """\
{user}daemon off;
worker_processes {workers};
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{
    use epoll;
    multi_accept on;
    worker_connections 16384;
}}
http {{
    access_log off;
    server_tokens off;
    tcp_nodelay on;
    keepalive_timeout 600s;
    keepalive_requests 1000000000;
    client_max_body_size 0;
    server_names_hash_max_size 4096;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;{map}{tuning}
    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header Connection "";{removed}
    upstream agent {{
        server 127.0.0.1:{upstream};
        keepalive 128;
        keepalive_requests 1000000000;
        keepalive_timeout 60s;
    }}{servers}
}}
"""
NGINX_SERVER = """
    server {{
        listen 127.0.0.1:{port} backlog=4096{reuse};{name}{check}{locations}
    }}"""
NGINX_LOCATION = """
        location {path} {{ proxy_pass http://agent; }}"""
NGINX_NOWHERE = """
        location / { return 404; }"""
NGINX_NOBODY = """
    server {{ listen 127.0.0.1:{port} default_server; return 404; }}"""
NGINX_CHECK = """
        if ($known = 0) { return 401; }"""
# Nothing touches the disk, and what is read at once is what the relay reads at once: a quarter of the cost by default.
NGINX_LARGE = """
    proxy_request_buffering off;
    client_body_buffer_size 64k;
    proxy_buffer_size 64k;
    proxy_buffers 16 64k;
    proxy_busy_buffers_size 128k;
    proxy_max_temp_file_size 0;"""
NGINX_STREAMS = """
    proxy_buffering off;"""
NGINX_REMOVED = """
    proxy_set_header Authorization "";"""


def nginx_servers(setup: Setup) -> str:
    """The server blocks: one for all that comes, or one for each host that has routes, whose locations nginx makes a tree of.

    A prefix ends in a slash, or /agents/a1 would take what is /agents/a10's: neither nginx nor HAProxy knows segments.
    """
    blocks = []
    for host, paths in (setup.hosts() or {"": [""]}).items():
        block = NGINX_SERVER.format(
            port=setup.port,
            reuse=" reuseport" if setup.workers > 1 and not blocks else "",
            name=f"\n        server_name {host};" if host else "",
            check=NGINX_CHECK if setup.keys else "",
            locations="".join(NGINX_LOCATION.format(path=f"{path}/") for path in paths)
            + (NGINX_NOWHERE if host else ""),
        )
        blocks.append(block if not blocks else block.replace(" backlog=4096", ""))
    return "".join(blocks) + (NGINX_NOBODY.format(port=setup.port) if setup.routes else "")


def nginx_config(setup: Setup, *, root: bool) -> str:
    """nginx.conf; root: its workers stay root as well, so that they may enter the rig's private folder."""
    keys = "\n        ".join(f'"Bearer {key}" 1;' for key in setup.keys)
    return NGINX.format(
        user="user root;\n" if root else "",
        workers=setup.workers,
        folder=setup.folder,
        upstream=setup.upstream,
        map=NGINX_KEYS.format(keys=keys) if setup.keys else "",
        removed=NGINX_REMOVED if setup.keys else "",
        tuning=NGINX_LARGE * setup.large + NGINX_STREAMS * setup.streams,
        servers=nginx_servers(setup),
    )


def nginx(setup: Setup) -> list[str]:
    """Workers under their master."""
    path = setup.folder / "nginx.conf"
    path.write_text(nginx_config(setup, root=os.geteuid() == 0))
    return [PEERS["nginx"].find() or "nginx", "-c", str(path), "-e", str(setup.folder / "error.log")]


HAPROXY = """\
global
    nbthread {workers}
    no strict-limits
    maxconn 16384{large}
defaults
    mode http
    option http-keep-alive
    http-reuse always{streams}
    timeout connect 5s
    timeout client 600s
    timeout server 600s
    timeout http-keep-alive 600s
frontend front
    bind 127.0.0.1:{port} backlog 4096{check}
    {choice}
backend agent
    server agent 127.0.0.1:{upstream} pool-max-conn 128
"""
HAPROXY_CHECK = """
    acl known req.hdr(authorization) -m str -f {folder}/keys
    http-request deny deny_status 401 unless known
    http-request del-header authorization"""
HAPROXY_LARGE = """
    tune.bufsize 65536"""
HAPROXY_STREAMS = """
    option http-no-delay"""


def haproxy_config(setup: Setup) -> str:
    """haproxy.cfg; keys and routes are in files beside it."""
    return HAPROXY.format(
        workers=setup.workers,
        port=setup.port,
        upstream=setup.upstream,
        check=HAPROXY_CHECK.format(folder=setup.folder) if setup.keys else "",
        large=HAPROXY_LARGE * setup.large,
        streams=HAPROXY_STREAMS if setup.streams else "",
        choice=f"use_backend %[base,map_beg({setup.folder}/routes)]" if setup.routes else "default_backend agent",
    )


def haproxy(setup: Setup) -> list[str]:
    """One process in the foreground, with as many threads as workers are wanted."""
    path = setup.folder / "haproxy.cfg"
    path.write_text(haproxy_config(setup))
    (setup.folder / "keys").write_text("".join(f"Bearer {key}\n" for key in setup.keys))
    (setup.folder / "routes").write_text("".join(f"{host}{prefix}/ agent\n" for host, prefix in setup.places()))
    return [PEERS["haproxy"].find() or "haproxy", "-db", "-f", str(path)]


def envoy_proxy(setup: Setup) -> list[str]:
    """One process in the foreground, with as many worker threads as are wanted beside its main one."""
    path = setup.folder / "envoy.json"
    path.write_text(envoy.config(setup.port, setup.upstream, setup.keys, setup.hosts()))
    return envoy.command(PEERS["envoy"].find() or "envoy", str(path), setup.workers)


CORES = "--core-dumps=true"  # /proc tells the memory of a process that allows none to root alone


def agw(setup: Setup) -> list[str]:
    """A user's own command line."""
    if not setup.manifests.exists():
        message = f"{setup.manifests} is missing: agw has nothing to serve"
        raise RigError(message)
    return [
        sys.executable,
        "-m",
        "agw",
        "run",
        "-f",
        str(setup.manifests),
        "--workers",
        str(setup.workers),
        "--listen",
        f"80=127.0.0.1:{setup.port}",
        "--resolve",
        f"{setup.resolve}=127.0.0.1:{setup.upstream}",
        "--admin",
        f"127.0.0.1:{free_port()}",
        CORES,
        *setup.arguments,
    ]


def earlier(tree: Path) -> Peer:
    """Another build of agw, by the checkout in which it was built in place; its flags are those that all builds have."""

    def command(setup: Setup) -> list[str]:
        _, *options = agw(setup)
        options.remove(CORES)
        return ["env", f"PYTHONPATH={tree}", sys.executable, "-P", *options]

    return Peer("before", command, "", ("git", "-C", str(tree), "describe", "--always", "--dirty"))


DEBIAN = "apt-get install --no-install-recommends"
DIRECT = Peer("direct", direct)
PEERS = {
    peer.name: peer
    for peer in (
        Peer("relay", relay),
        Peer("nginx", nginx, "nginx", ("nginx", "-v"), f"{DEBIAN} nginx-light"),
        Peer("haproxy", haproxy, "haproxy", ("haproxy", "-v"), f"{DEBIAN} haproxy"),
        Peer("envoy", envoy_proxy, "envoy", ("envoy", "--version"), envoy.INSTALL, envoy.find),
        Peer("agw", agw, "", (sys.executable, "-m", "agw", "--version")),
    )
}


def choose(names: Sequence[str]) -> tuple[list[Peer], list[str]]:
    """The wanted peers that are here, and a line for each that is not."""
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        message = f"no such proxy: {', '.join(unknown)} (there are {', '.join(PEERS)})"
        raise RigError(message)
    wanted = [PEERS[name] for name in names]
    notes = [f"{peer.name} is not installed and left out: {peer.install}" for peer in wanted if peer.missing()]
    return [peer for peer in wanted if not peer.missing()], notes
