"""Memory of what is only held: connections that are idle after a request, and heads of which a part has come.

The growth of the workers' resident memory over the number of connections; the kernel's own memory for a socket is in
nobody's figure. nginx allocates its table of connections at the start, so that part of its price is in its base.
"""

from __future__ import annotations

from bench.field import Load, load_command
from bench.procs import connections_within, raise_file_limit
from bench.scenario import post
from bench.trouble.proxies import Conditions
from bench.trouble.result import Check, Outcome, at_most
from bench.trouble.stage import GOOD, Options, Proxy, crowd, good_script, on_stage

CONNECTIONS = 10_000
WARM = 20_000
SOURCES = 4
WHOLE = post(path="/a/echo")
PART = b"GET /a/echo HTTP/1.1\r\nHost: agents.example.com\r\nX-Long: " + b"a" * 2000
KINDS = {"idle": (WHOLE, len(WHOLE)), "200 B of a head": (PART, 200), "1000 B of a head": (PART, 1000)}
LIMITS = {"idle": 1024, "200 B of a head": 4096, "1000 B of a head": 4096}


def connections(options: Options) -> int:
    """How many: 10,000, or what the system's limit of descriptors allows."""
    return connections_within(raise_file_limit(), options.count(CONNECTIONS))


def warm(proxy: Proxy, options: Options) -> None:
    """Some work first, so that what is allocated once is in the base."""
    load = Load(load_command(proxy.port, good_script(proxy.folder), GOOD, options.cores))
    load.send(options.count(WARM))
    load.stop()


def weigh(name: str, kind: str, options: Options) -> tuple[float, int]:
    """Bytes that each connection of a kind adds, and how many of them the proxy has closed meanwhile."""
    message, at_once = KINDS[kind]
    count = connections(options)
    with on_stage(name, Conditions(), options, flags=None) as proxy:
        warm(proxy, options)
        before = proxy.weight().rss
        flags = {"connections": count, "at_once": at_once, "sources": SOURCES}
        with crowd(proxy.port, message, options.cores, proxy.folder, **flags) as held:
            held.ready()
            closed = int(str(held.ask()["closed"]))
            return (proxy.weight().rss - before) / count, closed


def run(options: Options) -> Outcome:
    """Every kind, every proxy."""
    figures = {name: {kind: weigh(name, kind, options) for kind in KINDS} for name in options.peers}
    rows = {
        name: [f"{each:.0f}" if not closed else f"{each:.0f} ({closed} closed)" for each, closed in found.values()]
        for name, found in figures.items()
    }
    checks: list[Check] = []
    for kind, limit in LIMITS.items() if "agw" in figures else ():
        each, closed = figures["agw"][kind]
        checks.append(at_most(f"bytes of a connection, {kind}", each, limit))
        checks.append(at_most(f"connections closed, {kind}", closed, 0))
    return Outcome(
        f"{connections(options)} connections that are only held: bytes of resident memory each",
        list(KINDS),
        rows,
        checks,
        figures={"bytes_and_closed": figures},
    )
