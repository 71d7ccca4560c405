"""How a data plane reaches its controller: addresses, TLS, and the Hello with its token.

Rules: only certificates that the CA bundle's file vouches for are believed, and the name that was configured must be in
them. The bundle and the token are read anew at every connection, since both are renewed under a running process. All
addresses of the name are tried, in an order that differs each time, until one answers as the leader.

Must not: write the token anywhere, or go on without a name or a bundle.
"""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agw.errors import AgwError
from agw.settings import Address
from agw.snapshot.link import Link
from agw.snapshot.stream import Goodbye, Parting, Receiver, ToDataPlane

CONNECT = 3.0
"""Seconds for connecting and the handshake, for each address."""

LONGEST = 10.0
"""Seconds between two attempts, at most."""

LEADERLESS = 4.0
"""The same, where every replica answers and none leads: that costs them little, and a change may be waiting."""

_FIRST = 0.2
_MAX_TOKEN = 1 << 15
_MAX_BUNDLE = 1 << 20


@dataclass(frozen=True, slots=True)
class Where:
    """Where the controller is. host, port: its name (or address), which its certificate has. token, bundle: files."""

    controller: Address
    token: Path
    bundle: Path


class Unreachable(AgwError):  # noqa: N818 - a situation, named as one
    """No connection now; the text says why, for people."""

    retry = True


class Dismissed(AgwError):  # noqa: N818 - a situation, named as one
    """The controller said Goodbye."""

    retry = True

    def __init__(self, goodbye: Goodbye) -> None:
        """Keep what it said."""
        text = goodbye.message[:1000] or goodbye.reason[:100]
        super().__init__(text if text.isprintable() else text.encode("unicode_escape").decode("ascii"))
        self.reason = goodbye.reason

    @property
    def leads_not(self) -> bool:
        """Whether this replica only is not, or no longer, the one that publishes."""
        return self.reason in {Parting.NOT_LEADER, Parting.LEAVING}


class Leaderless(Unreachable):
    """Every replica answers, and none leads: one soon will."""


def backoff(attempt: int, most: float = LONGEST, chance: Callable[[], float] = random.random) -> float:
    """Give the seconds to wait before an attempt: none before the first (0), then a share of a limit that doubles."""
    return chance() * min(most, _FIRST * 2.0 ** min(attempt, 16)) if attempt else 0.0


def read_token(path: Path) -> str:
    """Read the token as it is now."""
    try:
        with path.open("rb") as file:
            token = file.read(_MAX_TOKEN + 1)
    except OSError as error:
        raise Unreachable(f"the token file {path} cannot be read: {error.strerror}") from None
    text = token.decode("ascii", "replace").strip()
    if not text or len(token) > _MAX_TOKEN or not text.isprintable() or not text.isascii():
        raise Unreachable(f"the token file {path} holds no token")
    return text


def trust(path: Path) -> ssl.SSLContext:
    """Make the context that trusts the bundle as it is now, and nothing else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        with path.open("rb") as file:
            bundle = file.read(_MAX_BUNDLE)
        context.load_verify_locations(cadata=bundle.decode("ascii"))
    except OSError as error:  # SSLError is one
        raise Unreachable(f"the CA bundle {path} cannot be used: {error.strerror or error}") from None
    except (UnicodeDecodeError, ValueError) as error:
        raise Unreachable(f"the CA bundle {path} cannot be used: {error}") from None
    return context


async def addresses(controller: Address) -> list[tuple[str, int]]:
    """Give all addresses of the controller's name, in random order."""
    try:
        answers = await asyncio.get_running_loop().getaddrinfo(
            controller.host, controller.port, type=socket.SOCK_STREAM
        )
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Unreachable(f"the name {controller.host!r} does not resolve: {reason}") from None
    found = sorted({(str(answer[4][0]), int(answer[4][1])) for answer in answers})
    random.shuffle(found)
    return found


async def connect(where: Where, address: tuple[str, int]) -> Link[ToDataPlane]:
    """Connect to one address; raise Unreachable where that does not work."""
    place = Address(*address)
    context = trust(where.bundle)
    try:
        async with asyncio.timeout(CONNECT):
            reader, writer = await asyncio.open_connection(*address, ssl=context, server_hostname=where.controller.host)
    except TimeoutError:
        raise Unreachable(f"{place} does not answer within {CONNECT:g} s") from None
    except ssl.SSLCertVerificationError as error:
        raise Unreachable(f"{place} is not trusted: {error.verify_message} (see {where.bundle})") from None
    except OSError as error:
        raise Unreachable(f"{place}: {error.strerror or error}") from None
    return Link(reader, writer, Receiver.of_data_plane())
