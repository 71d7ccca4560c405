"""Listening sockets: where a listener port is served, and opening it.

Every worker has its own SO_REUSEPORT socket for each port, and the supervisor keeps them all open: while a worker is
being replaced the kernel queues its share of new connections instead of refusing them.

A port that the process may not bind moves up by 8000 (80 -> 8080, 443 -> 8443); `--listen` overrides that. A busy port
is a Problem that names the owner where /proc shows it; other ports are served all the same.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from agw.errors import Problem
from agw.listening import ANY_IPV4, NO_IPV6
from agw.settings import Address, parse_address
from agw.snapshot.model import Entry, Listener

TCP_NOTSENT_LOWAT = 25
"""Of <netinet/tcp.h>; the socket module has no name for it."""

UNSENT = 131_072
"""Bytes of an answer that wait in the kernel of a client connection before it is written no further."""

BACKLOG = 4096
SHIFT = 8000
PRIVILEGED_END = 1024
_MAX_PORT = 65_535
_CAP_NET_BIND_SERVICE = 10
_LISTEN_STATE = "0A"  # include/net/tcp_states.h, as /proc/net/tcp prints it


class PortError(Exception):
    """A port cannot be opened; carries the Problem."""

    def __init__(self, problem: Problem) -> None:
        """Keep the problem."""
        super().__init__(str(problem))
        self.problem = problem


@dataclass(frozen=True, slots=True)
class OpenPort:
    """A listener port in service. address: where. sockets: one for each worker, owned."""

    port: int
    address: Address
    sockets: tuple[socket.socket, ...]

    def close(self) -> None:
        """Close all sockets; connections that no worker has accepted are reset."""
        for sock in self.sockets:
            sock.close()


class Wanted:
    """The ports that a configuration's listeners want served, at the cost of what changed."""

    def __init__(self) -> None:
        """Begin with none."""
        self.ports: frozenset[int] = frozenset()
        self._by_key: dict[str, int] = {}

    def follow(self, entries: Mapping[str, Entry], changed: Iterable[str] | None = None) -> frozenset[int]:
        """Take a configuration and give its ports. changed: the keys that may differ from the last one; None: any."""
        for key in self._by_key.keys() | entries.keys() if changed is None else changed:
            entry = entries.get(key)
            if isinstance(entry, Listener) and entry.protocol == "HTTP":
                self._by_key[key] = entry.port
            else:
                self._by_key.pop(key, None)
        self.ports = frozenset(self._by_key.values())
        return self.ports


def parse_listen(text: str) -> tuple[int, Address]:
    """Read `PORT=HOST:PORT` of `--listen`; ValueError says the rule."""
    rule = "must be LISTENER_PORT=HOST:PORT, such as 80=127.0.0.1:8080"
    port, equals, address = text.partition("=")
    if not equals or not (port.isascii() and port.isdigit()) or not 0 < int(port) <= _MAX_PORT:
        raise ValueError(rule)
    try:
        return int(port), parse_address(address)
    except ValueError as error:
        raise ValueError(rule) from error


def first_free_port() -> int:
    """Return the lowest port that this process may bind."""
    try:
        effective = next(
            line
            for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines()
            if line.startswith("CapEff:")
        )
        if int(effective.split()[1], 16) >> _CAP_NET_BIND_SERVICE & 1:
            return 1
        return int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text(encoding="ascii"))
    except (OSError, StopIteration, ValueError):
        return 1 if os.geteuid() == 0 else PRIVILEGED_END


def place(port: int, listen_map: Mapping[int, Address], bind: str, first_free: int) -> Address:
    """Decide where a listener port is served: as `--listen` says, else on `bind`, moved up where it may not be bound."""
    if port in listen_map:
        return listen_map[port]
    return Address(bind, port + SHIFT if port < first_free else port)


def open_port(port: int, address: Address, count: int) -> OpenPort:
    """Open `count` sockets for one listener port; PortError where that is not possible.

    address may have port 0: then the kernel chooses, and all sockets share its choice.
    """
    sockets: list[socket.socket] = []
    try:
        address = _probe(address)
        for _ in range(count):
            sock = _listening_socket(address)
            sockets.append(sock)
            address = replace(address, port=sock.getsockname()[1])
    except OSError as error:
        for sock in sockets:
            sock.close()
        raise PortError(_refusal(port, address, error)) from error
    return OpenPort(port, address, tuple(sockets))


def plan(wanted: Iterable[int], listen_map: Mapping[int, Address], bind: str, first_free: int) -> dict[int, Address]:
    """Place all listener ports, those that need no move first, so that a moved one never takes another's place."""
    placed = {port: place(port, listen_map, bind, first_free) for port in wanted}
    return dict(sorted(placed.items(), key=lambda item: (item[0] != item[1].port, item[0])))


def owner_of(port: int) -> int | None:
    """Return the pid that listens on a local TCP port; None where /proc does not show it."""
    inodes = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    if not inodes:
        return None
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if any(str(link.readlink()) in inodes for link in (entry / "fd").iterdir()):
                return int(entry.name)
        except OSError:
            continue
    return None


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for columns in (line.split() for line in lines):
            if columns[3] == _LISTEN_STATE and int(columns[1].rpartition(":")[2], 16) == port:
                inodes.add(columns[9])
    return inodes


def _probe(address: Address) -> Address:
    """Resolve the host, and bind once without SO_REUSEPORT: two gateways must not share a port by accident."""
    family, _, _, _, sockaddr = socket.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    address = Address(str(sockaddr[0]), address.port)
    try:
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _take_both_families(sock, address)
            sock.bind((address.host, address.port))
    except OSError as error:
        if address.host == "::" and error.errno in NO_IPV6:
            return _probe(replace(address, host=ANY_IPV4))
        raise
    return address


def _take_both_families(sock: socket.socket, address: Address) -> None:
    """Let a socket for every address be of IPv4 as well, whatever net.ipv6.bindv6only says."""
    if address.host == "::":
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)


def _listening_socket(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        # Accepted sockets inherit it. Without it Nagle holds an event behind the head until the client's delayed ACK: 40 ms.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Inherited too: a client that vanished in the middle of a silent stream is noticed within two minutes, and a slow
        # one has little of its answer in our kernel, so that its pace shows and an abort can still stop the rest.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4)
        sock.setsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT)
        _take_both_families(sock, address)
        sock.bind((address.host, address.port))
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def _refusal(port: int, address: Address, error: OSError) -> Problem:
    if error.errno == errno.EADDRINUSE:
        owner = owner_of(address.port)
        if owner == os.getpid():
            by = " by another listener of this gateway"
        else:
            by = f" by process {owner}" if owner else " by another process"
        return Problem(
            code="AGW3001",
            message=f"listener port {port} is not served: {address} is in use{by}",
            hint=f"stop that process, or serve the port elsewhere with --listen {port}=127.0.0.1:OTHER",
        )
    hint = f"choose an address with --listen {port}=HOST:PORT"
    return Problem(
        code="AGW3002", message=f"listener port {port} is not served: {address}: {error.strerror or error}", hint=hint
    )


class PortTable:
    """The listener ports in service, those on their way out, and those that cannot be opened."""

    def __init__(self, listen_map: Mapping[int, Address], bind: str, count: int) -> None:
        """Open `count` sockets a port, placed as `plan` says."""
        self._listen_map = listen_map
        self._bind = bind
        self._count = count
        self._first_free = first_free_port()
        self._open: dict[int, OpenPort] = {}
        self._leaving: dict[int, OpenPort] = {}
        self._problems: dict[int, Problem] = {}

    @property
    def open_ports(self) -> tuple[OpenPort, ...]:
        """The ports in service."""
        return tuple(self._open.values())

    @property
    def bound(self) -> dict[int, Address]:
        """Where each port in service is served."""
        return {port: opened.address for port, opened in self._open.items()}

    @property
    def leaving(self) -> tuple[int, ...]:
        """Ports whose sockets wait for the workers to let go of them."""
        return tuple(self._leaving)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Why wanted ports are not in service."""
        return tuple(self._problems[port] for port in sorted(self._problems))

    def open(self, wanted: Iterable[int]) -> list[OpenPort]:
        """Open what is wanted and not in service; return what is new. What cannot be opened becomes a problem."""
        opened = []
        self._problems = {port: problem for port, problem in self._problems.items() if port in wanted}
        for port, address in plan(wanted, self._listen_map, self._bind, self._first_free).items():
            if port in self._open:
                continue
            returning = self._leaving.pop(port, None)
            try:
                self._open[port] = returning or open_port(port, address, self._count)
            except PortError as error:
                self._problems[port] = error.problem
                continue
            self._problems.pop(port, None)
            opened.append(self._open[port])
        return opened

    def close(self, wanted: frozenset[int]) -> list[int]:
        """Take ports out of service that are not wanted, and return them; their sockets stay until `release`."""
        gone = [port for port in self._open if port not in wanted]
        for port in gone:
            self._leaving[port] = self._open.pop(port)
        return gone

    def release(self, port: int) -> None:
        """Close the sockets of a port on its way out."""
        self._leaving.pop(port).close()

    def close_all(self) -> None:
        """Close everything."""
        for opened in (*self._open.values(), *self._leaving.values()):
            opened.close()
        self._open.clear()
        self._leaving.clear()
