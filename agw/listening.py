"""Ports beside the traffic (admin, health, publishing): where they listen, and who gives way when all seats are taken.

Such a port knows nobody before a request has been read, so whoever can reach it can fill it; where the kubelet then gets
no answer, it restarts a process that is well. So nobody who comes is turned away, and somebody who is there leaves:

    a peer has more than its share      one of that peer's own
    all seats are taken                 one of the peer that has most of them, the longest there where several have as many

and of a peer's connections the one that has been silent longest; one whose request is being answered only where all are.
Whoever sends its request at once, as a probe does, is answered before anybody could crowd it out, even from an address
that it shares with those who try.

Rules: a peer is an address, not a network: in IPv6 a node's probes come from the network of its pods. IPv4 by way of
IPv6 is IPv4.

Must not: read or write, know a protocol, or import anything of agw.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

EVERYWHERE = frozenset({"", "::"})
"""Hosts that mean every address of this machine, of both families."""

ANY_IPV4 = "0.0.0.0"  # noqa: S104 - where there is no IPv6, and its like was asked for
NO_IPV6 = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL})
"""Why a socket of IPv6 cannot be opened, or bound to every address, where the kernel has none."""


def everywhere(port: int, backlog: int = 100) -> socket.socket:
    """Listen on every address with one socket for both families, of IPv4 alone where there is no other."""
    try:
        return socket.create_server(("::", port), family=socket.AF_INET6, backlog=backlog, dualstack_ipv6=True)
    except (OSError, ValueError) as error:  # ValueError: no socket can be of both
        if isinstance(error, OSError) and error.errno not in NO_IPV6:
            raise
        return socket.create_server((ANY_IPV4, port), backlog=backlog)


def address_of(peer: object) -> str:
    """Return the address of a socket's peer name as text, IPv4 that came by way of IPv6 as IPv4; "" where it has none."""
    if not isinstance(peer, tuple) or not peer:
        return ""
    text = str(peer[0]).partition("%")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


class Seat:
    """A connection's place. busy: its request has been read, and is being answered."""

    __slots__ = ("busy", "leave", "peer")

    def __init__(self, peer: str, leave: Callable[[], None]) -> None:
        """Belong to `peer`; leave ends the connection."""
        self.peer = peer
        self.leave = leave
        self.busy = False


class Seats:
    """Who is connected to a port."""

    def __init__(self, most: int, of_one: int) -> None:
        """Have room for `most` connections, of one peer for `of_one`."""
        self._most = most
        self._of_one = of_one
        self._taken: dict[str, dict[Seat, None]] = {}  # by peer, each in the order in which they came

    def __len__(self) -> int:
        """Give the number of connections."""
        return sum(map(len, self._taken.values()))

    def take(self, peer: str, leave: Callable[[], None]) -> Seat:
        """Seat a connection; where it is one too many, call the leave of another."""
        seat = Seat(peer, leave)
        own = self._taken.setdefault(peer, {})
        own[seat] = None
        if len(own) > self._of_one:
            self._dismiss(own, seat)
        elif len(self) > self._most:
            # Of several with as many it is the one who was first here: max() takes the first, and so does its dict.
            self._dismiss(max(self._taken.values(), key=len), seat)
        return seat

    def give_back(self, seat: Seat) -> None:
        """Take note that a connection has ended, for whatever reason."""
        own = self._taken.get(seat.peer, {})
        own.pop(seat, None)
        if not own:
            self._taken.pop(seat.peer, None)

    def clear(self) -> None:
        """Let everybody leave."""
        for seat in [seat for own in self._taken.values() for seat in own]:
            self.give_back(seat)
            seat.leave()

    def _dismiss(self, own: dict[Seat, None], newcomer: Seat) -> None:
        others = [seat for seat in own if seat is not newcomer]
        gone = next((seat for seat in others if not seat.busy), others[0])
        self.give_back(gone)
        gone.leave()
