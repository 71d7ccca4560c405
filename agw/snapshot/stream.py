"""The publishing stream: what a controller and a data plane say to each other, and how it is framed.

    data plane -> controller   Hello . (Inventory | Acknowledge | Refuse | Token | Ping)*
    controller -> data plane   (Current | Compare | Update | Renew | Ping)* . Goodbye

A frame is a 4-byte length (big-endian) and one msgpack message. What travels is differences: Hello says by a digest
what the data plane has; where the controller published just that it answers Current, where it published that a while
ago it sends the Update from there, and where it never heard of it, it asks (Compare) for the Inventory, a short hash
for each key, and sends what differs. Versions count one controller's publications of one Gateway and mean nothing on
another connection: the digest is what outlives both sides.

Each side sends something at least every `HEARTBEAT` and takes `SILENCE` for the end of the other.

The digest is the sum of the entries' hashes, so that it follows a change at the cost of that change, in any order. It
tells configurations apart, not friend from foe: who can write a Gateway's routes has nothing to gain from two sums
that are equal.

Rules: decoding checks every value; a frame over the limit or one that is no message ends the connection. A message of
a later release may have more fields; Hello and Goodbye stay readable for ever, so that a refusal is understood.

Must not: know a socket, a clock or a log. A token is never part of a representation.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from hashlib import blake2b
from typing import Generic, TypeAlias, TypeVar

import msgspec

from agw.errors import AgwError, Fault
from agw.snapshot.model import Entry

PROTOCOL = 1
"""Changes when a peer of an earlier release could misunderstand."""

HEARTBEAT = 10.0
SILENCE = 35.0
"""Seconds."""

MAX_MESSAGE = 1 << 16
MAX_INVENTORY = 1 << 25
MAX_UPDATE = 1 << 28
"""Bytes of the largest frame: a data plane's, its Inventory where one was asked for, a controller's."""

MAX_REASON = 1000
"""Characters of a refusal that are told."""

NOTHING = b""
"""The digest of a data plane that has no configuration; an empty configuration has another."""

_LENGTH = 4
_HASH = 32
_SHORT = 8


class StreamError(AgwError):
    """The peer does not keep to the protocol; the connection is of no more use."""

    fault = Fault.INTERNAL


class Parting(StrEnum):
    """Why a controller ends a connection, in Goodbye."""

    NOT_LEADER = "not-leader"  # another replica publishes: try the next address at once
    LEAVING = "leaving"  # it stops: another will publish soon
    UNAVAILABLE = "unavailable"  # it cannot look at the token now
    BUSY = "busy"  # too many connections, or too many refused ones from this peer
    UNAUTHENTICATED = "unauthenticated"  # the token is not valid here
    FORBIDDEN = "forbidden"  # the token is not that of the Gateway's ServiceAccount
    UNKNOWN_GATEWAY = "unknown-gateway"  # this controller publishes no such Gateway
    REPLACED = "replaced"  # the same pod has connected again, so this connection can only be a dead one
    RELEASE = "release"  # the two sides do not speak the same protocol or snapshot format
    PROTOCOL = "protocol"  # what was said has no place here


class _Message(msgspec.Struct, frozen=True, tag=True):
    """Base of all messages."""


class Hello(_Message, frozen=True):
    """Who this is and what it has. gateway: "namespace/name". digest: NOTHING, or of all entries that it has.

    pod: its name, for people. format: of snapshots that it reads. token: of its ServiceAccount.
    """

    protocol: int
    format: int
    gateway: str
    token: str
    digest: bytes = NOTHING
    pod: str = ""
    release: str = ""

    def __repr__(self) -> str:
        """Without the token."""
        return f"Hello(gateway={self.gateway!r}, pod={self.pod!r}, release={self.release!r})"


class Token(_Message, frozen=True):
    """The token as it is now; the answer to Renew."""

    token: str

    def __repr__(self) -> str:
        """Without the token."""
        return "Token()"


class Inventory(_Message, frozen=True):
    """The answer to Compare: for each key that the data plane has, `short` of its entry's hash."""

    hashes: dict[str, bytes]


class Acknowledge(_Message, frozen=True):
    """This version, and with it all before, is in force in every worker."""

    version: int


class Refuse(_Message, frozen=True):
    """This version cannot be used; the last good one stays in force."""

    version: int
    reason: str


class Ping(_Message, frozen=True):
    """I am there. Nothing answers it: the other side sends its own."""


class Current(_Message, frozen=True):
    """What you have is this version, the latest."""

    version: int


class Compare(_Message, frozen=True):
    """Say what you have, soon. Where that is much more than there is, you get everything."""


class Update(_Message, frozen=True):
    """A delta to what you have, encoded by agw.snapshot.codec; one from version 0 is all, in place of what you have.

    digest: of the result.
    """

    version: int
    digest: bytes
    delta: bytes


class Renew(_Message, frozen=True):
    """Show your token again: the one that came with Hello is old."""


class Goodbye(_Message, frozen=True):
    """The end. reason: a Parting, or a word of a later release. message: for people."""

    reason: str
    message: str = ""


ToController: TypeAlias = Hello | Token | Inventory | Acknowledge | Refuse | Ping
ToDataPlane: TypeAlias = Current | Compare | Update | Renew | Goodbye | Ping

M = TypeVar("M")

_frames = msgspec.msgpack.Encoder()
_entries = msgspec.msgpack.Encoder(order="sorted")
_to_controller: msgspec.msgpack.Decoder[ToController] = msgspec.msgpack.Decoder(ToController)
_to_data_plane: msgspec.msgpack.Decoder[ToDataPlane] = msgspec.msgpack.Decoder(ToDataPlane)


def frame(message: ToController | ToDataPlane) -> bytes:
    """Give a message as it travels."""
    body = _frames.encode(message)
    return len(body).to_bytes(_LENGTH, "big") + body


class Receiver(Generic[M]):
    """Bytes as they come, to messages. limit: bytes of the largest frame that is taken from now on.

    passable: of the largest that is let pass where it is over the limit: its bytes are thrown away as they come, and
    `passed` counts it. What is larger still ends the connection.
    """

    def __init__(self, decoder: msgspec.msgpack.Decoder[M], limit: int) -> None:
        """Begin with nothing received."""
        self.limit = limit
        self.passable = 0
        self.passed = 0
        self._decoder = decoder
        self._buffer = bytearray()
        self._passing = 0  # bytes that are still to be thrown away

    @classmethod
    def of_controller(cls) -> Receiver[ToController]:
        """Receive as a controller does, which asks for all that is large."""
        return Receiver(_to_controller, MAX_MESSAGE)

    @classmethod
    def of_data_plane(cls) -> Receiver[ToDataPlane]:
        """Receive as a data plane does."""
        return Receiver(_to_data_plane, MAX_UPDATE)

    def feed(self, data: bytes) -> list[M]:
        """Take bytes and give the messages that are complete; raise StreamError at what is none."""
        self._buffer += data
        messages: list[M] = []
        at = self._pass(0)
        while len(self._buffer) - at >= _LENGTH:
            length = int.from_bytes(self._buffer[at : at + _LENGTH], "big")
            if length > self.limit:
                at = self._begin_to_pass(at, length)
                continue
            end = at + _LENGTH + length
            if len(self._buffer) < end:
                break
            messages.append(self._decode(bytes(self._buffer[at + _LENGTH : end])))
            at = end
        del self._buffer[:at]
        return messages

    def _begin_to_pass(self, at: int, length: int) -> int:
        if length > self.passable:
            raise StreamError(f"a frame of {length} bytes, where {self.limit} are the most")
        self.passable = 0
        self._passing = length
        return self._pass(at + _LENGTH)

    def _pass(self, at: int) -> int:
        """Throw away what is to be; return where the rest begins."""
        if not self._passing:
            return at
        end = min(len(self._buffer), at + self._passing)
        self._passing -= end - at
        self.passed += not self._passing
        return end

    def _decode(self, body: bytes) -> M:
        try:
            return self._decoder.decode(body)
        except (
            msgspec.DecodeError,
            UnicodeDecodeError,
            RecursionError,
        ) as error:  # the last: what is skipped can be deep
            raise StreamError(f"a frame that is no message: {error}") from None


# Digests


def entry_hash(key: str, entry: Entry) -> int:
    """Hash a key with its entry. The same value gives the same hash on every side, decoded or not."""
    name = key.encode()
    content = len(name).to_bytes(_LENGTH, "big") + name + _entries.encode(entry)
    return int.from_bytes(blake2b(content, digest_size=_HASH).digest(), "big")


def add(total: int, hashes: Iterable[int], *, without: Iterable[int] = ()) -> int:
    """Give the sum with some hashes more and some less."""
    return (total + sum(hashes) - sum(without)) % (1 << (8 * _HASH))


def digest(total: int) -> bytes:
    """Give a sum as it travels."""
    return total.to_bytes(_HASH, "big")


def short(value: int) -> bytes:
    """Give the part of a hash that an inventory has."""
    return value.to_bytes(_HASH, "big")[:_SHORT]
