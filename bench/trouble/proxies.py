"""The three proxies as they are configured for trouble: the same deadlines and sizes for all.

Each has what its own documentation recommends for retries, streams and a quiet restart. Where there is a choice it favours the peer. nginx: `proxy_next_upstream` as it is by default (no POST is repeated), a
pool of upstream connections, no buffering, since an event stream passes here. HAProxy: master and worker, so that it can
be reloaded; `retry-on` for refused, closed and empty answers, and no retry of a POST once it was sent, which its manual
asks for where requests must not be doubled; a stop that waits as long as the others' do.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.peers import PEERS, Peer

LONG = 600  # seconds: no deadline of this scenario's


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a scenario asks of every proxy. Times in seconds. upstreams: HOST:PORT, all with one port.

    head: for a whole request head. body: silence within a body. stall: a client that takes nothing. drain: how long
    a stop waits. connections: the most that one worker takes. agw: further flags, for what the others cannot do.
    """

    upstreams: tuple[str, ...] = ()
    workers: int = 1
    head: int = LONG
    body: int = LONG
    stall: int = LONG
    idle: int = LONG
    drain: int = 60
    connections: int = 16_384
    agw: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kit:
    """How to handle one proxy. config: text of its configuration; probe: a path that it must answer, for reloads.

    command: argv, given the folder that the configuration lies in. quit: the signal for a quiet stop, sent to the process
    that was started. reread: the signal that makes it read its configuration, None where it looks by itself.
    """

    peer: Peer
    file: str
    config: Callable[[Conditions, Path, int, str], str]
    command: Callable[[Conditions, Path, int, int], list[str]]
    quit: signal.Signals
    reread: signal.Signals | None


NGINX = """\
{user}daemon off;
worker_processes {workers};
worker_shutdown_timeout {drain}s;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ use epoll; multi_accept on; worker_connections {connections}; }}
http {{
    access_log off;
    server_tokens off;
    tcp_nodelay on;
    keepalive_timeout {idle}s;
    keepalive_requests 1000000000;
    client_header_timeout {head}s;
    client_body_timeout {body}s;
    send_timeout {stall}s;
    client_max_body_size 0;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream agent {{
        {servers}
        keepalive 128;
        keepalive_requests 1000000000;
        keepalive_timeout 4s;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096 reuseport;
        location /a/ {{
            proxy_pass http://agent;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_request_buffering off;
            proxy_read_timeout 600s;
            proxy_send_timeout 600s;
        }}
        location = {probe} {{ return 200; }}
    }}
}}
"""


def nginx_config(conditions: Conditions, folder: Path, port: int, probe: str) -> str:
    """nginx.conf; its workers keep the user who starts it, so that they may enter the rig's private folder."""
    return NGINX.format(
        user="user root;\n" if os.geteuid() == 0 else "",
        folder=folder,
        port=port,
        probe=probe,
        servers="\n        ".join(f"server {upstream};" for upstream in conditions.upstreams),
        **values(conditions),
    )


def values(conditions: Conditions) -> dict[str, int]:
    """The numbers that templates name."""
    names = ("workers", "head", "body", "stall", "idle", "drain", "connections")
    return {name: getattr(conditions, name) for name in names}


def nginx_command(_conditions: Conditions, folder: Path, _port: int, _admin: int) -> list[str]:
    """A master with its workers."""
    return [PEERS["nginx"].find() or "nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]


HAPROXY = """\
global
    nbthread {workers}
    no strict-limits
    maxconn {connections}
    hard-stop-after {drain}s
    stats socket {folder}/socket mode 600 level admin expose-fd listeners
defaults
    mode http
    option http-keep-alive
    option redispatch
    http-reuse always
    retries 3
    retry-on conn-failure empty-response
    timeout connect 5s
    timeout http-request {head}s
    timeout client {quiet}s
    timeout server 600s
    timeout http-keep-alive {idle}s
frontend front
    bind 127.0.0.1:{port} backlog 4096
    http-request return status 200 if {{ path {probe} }}
    http-request deny deny_status 404 unless {{ path_beg /a/ }}
    default_backend agent
backend agent
    http-request disable-l7-retry if METH_POST
    {servers}
"""


def haproxy_config(conditions: Conditions, folder: Path, port: int, probe: str) -> str:
    """haproxy.cfg; one timer stands for a client that sends nothing and one that takes nothing."""
    check = " check inter 500ms" if len(conditions.upstreams) > 1 else ""
    servers = [
        f"server agent{number} {upstream} pool-max-conn 128 pool-purge-delay 4s{check}"
        for number, upstream in enumerate(conditions.upstreams)
    ]
    quiet = min(conditions.body, conditions.stall)
    return HAPROXY.format(
        folder=folder, port=port, probe=probe, quiet=quiet, servers="\n    ".join(servers), **values(conditions)
    )


def haproxy_command(_conditions: Conditions, folder: Path, _port: int, _admin: int) -> list[str]:
    """A master with its worker."""
    return [PEERS["haproxy"].find() or "haproxy", "-W", "-f", str(folder / "haproxy.cfg")]


AGW = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: front}}
spec: {{gatewayClassName: ack-agent-gateway, listeners: [{{name: http, port: 80, protocol: HTTP}}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: all}}
spec:
  parentRefs: [{{name: front}}]
  rules:
  - matches: [{{path: {{type: PathPrefix, value: /a}}}}]
    backendRefs: [{{group: agentgateway.alibabacloud.com, kind: Backend, name: agent}}]
  - matches: [{{path: {{type: Exact, value: {probe}}}}}]
    backendRefs: [{{group: agentgateway.alibabacloud.com, kind: Backend, name: agent}}]
---
apiVersion: agentgateway.alibabacloud.com/v1alpha1
kind: Backend
metadata: {{name: agent}}
spec: {{type: A2A, a2a: {{targets: [{{name: agent, static: {{host: agent, port: {port}}}}}]}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: agent}}
spec:
  ports: [{{name: http, port: {port}, targetPort: {port}, protocol: TCP}}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: agent-1, labels: {{kubernetes.io/service-name: agent}}}}
addressType: IPv4
ports: [{{name: http, port: {port}, protocol: TCP}}]
endpoints: [{endpoints}]
"""


def agw_config(conditions: Conditions, _folder: Path, _port: int, probe: str) -> str:
    """The manifests: a Service with its endpoints, as a cluster would tell them."""
    hosts, ports = zip(*(upstream.split(":") for upstream in conditions.upstreams), strict=True)
    endpoints = ", ".join(f"{{addresses: [{host}], conditions: {{ready: true}}}}" for host in hosts)
    return AGW.format(probe=probe, port=ports[0], endpoints=endpoints)


def agw_command(conditions: Conditions, folder: Path, port: int, admin: int) -> list[str]:
    """A user's own command line."""
    flags = {
        "workers": str(conditions.workers),
        "listen": f"80=127.0.0.1:{port}",
        "admin": f"127.0.0.1:{admin}",
        "header-deadline": f"{conditions.head}s",
        "body-idle": f"{conditions.body}s",
        "write-stall": f"{conditions.stall}s",
        "keepalive-idle": f"{conditions.idle}s",
        "drain-timeout": f"{conditions.drain}s",
        "max-connections": str(conditions.connections),
        "core-dumps": "true",  # /proc tells the memory of a process that allows none to root alone
    }
    given = [f"--{name}={value}" for name, value in flags.items()]
    return [sys.executable, "-m", "agw", "run", "-f", str(folder / "gateway.yaml"), *given, *conditions.agw]


KITS = {
    "nginx": Kit(PEERS["nginx"], "nginx.conf", nginx_config, nginx_command, quit=signal.SIGQUIT, reread=signal.SIGHUP),
    "haproxy": Kit(
        PEERS["haproxy"], "haproxy.cfg", haproxy_config, haproxy_command, quit=signal.SIGUSR1, reread=signal.SIGUSR2
    ),
    "agw": Kit(PEERS["agw"], "gateway.yaml", agw_config, agw_command, quit=signal.SIGTERM, reread=None),
}


def with_upstreams(conditions: Conditions, addresses: Sequence[str]) -> Conditions:
    """The same conditions with agents behind them."""
    return replace(conditions, upstreams=tuple(addresses))
