"""What the supervisor and a worker say to each other, and the channel that carries it.

A channel is a Unix stream socket between the two: frames of a 4-byte length (big-endian) and one msgpack message.
Messages that hand over file descriptors carry them as SCM_RIGHTS with their first byte; they arrive no later than the
frame, in order, so that the receiver takes them from a queue. The kernel keeps a descriptor alive while it travels.

    supervisor -> worker   Start [counters, records, agents, the pod's] .
                           (Full | Change | Down | Agents | Listen [socket] | Unlisten | Ping | Logging | Drain | Stop)*
    worker -> supervisor   (Applied | Refused | Behind | Unlistened | Pong)*

Must not: know what a snapshot means, or wait: sending queues, receiving calls back.
"""

from __future__ import annotations

import array
import asyncio
import os
import socket
from collections import deque
from collections.abc import Callable
from typing import ClassVar, TypeAlias

import msgspec

from agw.dataplane.shared import PodMemory, SharedMemory
from agw.settings import Address, Settings

MAX_FRAME = 1 << 30
"""Bytes; a larger length means that the two sides have lost each other."""

_MAX_FDS = 16
_READ = 1 << 18
_LENGTH = 4


class _Message(msgspec.Struct, frozen=True, tag=True):
    """Base of all messages. FDS: how many file descriptors travel with one."""

    FDS: ClassVar[int] = 0


class Start(_Message, frozen=True):
    """Begin: which worker this is, with its memory and its pod's.

    pseudonym: the gateway's, for Via. column: the process's own, of the pod's seats.
    """

    FDS: ClassVar[int] = SharedMemory.FDS + PodMemory.FDS
    index: int
    settings: Settings
    pseudonym: str
    column: int = 0


class Full(_Message, frozen=True):
    """A whole snapshot, encoded by agw.snapshot.codec."""

    snapshot: bytes


class Change(_Message, frozen=True):
    """A delta, encoded by agw.snapshot.codec."""

    delta: bytes


class Down(_Message, frozen=True):
    """All endpoints (address, port) that active checks hold to be down now; the others are up."""

    endpoints: tuple[tuple[str, int], ...] = ()


class Agents(_Message, frozen=True):
    """Which rows of the figures by agent are whose, by the backends' keys; all others share one more."""

    rows: dict[str, int]


class Listen(_Message, frozen=True):
    """Accept on the socket that comes with it. port: the Gateway's. address: where it is served. place: whose it is."""

    FDS: ClassVar[int] = 1
    port: int
    address: Address
    place: int


class Unlisten(_Message, frozen=True):
    """Stop accepting on the socket of this Gateway port and place, and say when it is done."""

    port: int
    place: int


class Ping(_Message, frozen=True):
    """Say that you are there."""


class Logging(_Message, frozen=True):
    """Log so from now on. level: the least that is written. access_log: whether requests have a line."""

    level: str
    access_log: bool


class Drain(_Message, frozen=True):
    """Close connections as they become idle, but go on accepting."""


class Stop(_Message, frozen=True):
    """End."""


class Applied(_Message, frozen=True):
    """The snapshot of this version is in service."""

    version: int


class Refused(_Message, frozen=True):
    """The snapshot of this version cannot be compiled; the last good one stays in service."""

    version: int
    error: str


class Behind(_Message, frozen=True):
    """A delta does not fit: send the whole snapshot."""

    version: int


class Unlistened(_Message, frozen=True):
    """The socket of this Gateway port and place is not accepted on any more."""

    port: int
    place: int


class Pong(_Message, frozen=True):
    """I am there."""


ToWorker: TypeAlias = Start | Full | Change | Down | Agents | Listen | Unlisten | Ping | Logging | Drain | Stop
ToSupervisor: TypeAlias = Applied | Refused | Behind | Unlistened | Pong
Message: TypeAlias = ToWorker | ToSupervisor

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


class Channel:
    """One side of a channel. Owns its socket, and the descriptors that arrived until they are handed over."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        on_message: Callable[[Message, tuple[int, ...]], None],
        on_close: Callable[[], None],
    ) -> None:
        """Receive on a connected Unix stream socket: each message with its descriptors, then the end, once."""
        sock.settimeout(0)
        self._loop = loop
        self._sock = sock
        self._on_message = on_message
        self._on_close = on_close
        self._received = bytearray()
        self._fds: deque[int] = deque()
        self._unsent: deque[tuple[memoryview, tuple[int, ...]]] = deque()
        self._closed = False
        loop.add_reader(sock.fileno(), self._readable)

    def send(self, message: Message, fds: tuple[int, ...] = ()) -> None:
        """Send a message, or queue what the kernel does not take. The caller may close its descriptors at once."""
        if self._closed:
            return
        body = _encoder.encode(message)
        frame = memoryview(len(body).to_bytes(_LENGTH, "big") + body)
        sent = 0 if self._unsent else self._send(frame, fds)
        if sent < 0 or sent == len(frame):
            return
        try:
            # The descriptors go with the first bytes (unix(7)).
            self._unsent.append((frame[sent:], () if sent else tuple(os.dup(fd) for fd in fds)))
        except OSError:
            self._end()  # whoever misses a message must not go on
            return
        self._loop.add_writer(self._sock.fileno(), self._flush)

    def close(self) -> None:
        """Close without calling back."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._sock.fileno())
        self._loop.remove_writer(self._sock.fileno())
        self._sock.close()
        for fd in (*self._fds, *(fd for _, fds in self._unsent for fd in fds)):
            os.close(fd)
        self._fds.clear()
        self._unsent.clear()

    def _flush(self) -> None:
        while self._unsent:
            frame, fds = self._unsent[0]
            sent = self._send(frame, fds)
            if sent <= 0:
                return
            for fd in fds:
                os.close(fd)
            if sent < len(frame):
                self._unsent[0] = (frame[sent:], ())
            else:
                self._unsent.popleft()
        self._loop.remove_writer(self._sock.fileno())

    def _send(self, frame: memoryview, fds: tuple[int, ...]) -> int:
        """Give the kernel what it takes; return how many bytes, -1 where the other side is gone."""
        try:
            return socket.send_fds(self._sock, [frame], list(fds)) if fds else self._sock.send(frame)
        except BlockingIOError:
            return 0
        except OSError:
            self._end()
            return -1

    def _readable(self) -> None:
        try:
            data, fds = _receive(self._sock)
        except BlockingIOError:
            return
        except OSError:
            data, fds = b"", []
        self._fds.extend(fds)
        if not data:
            self._end()
            return
        self._received += data
        self._dispatch()

    def _dispatch(self) -> None:
        at = 0
        while not self._closed and len(self._received) - at >= _LENGTH:
            length = int.from_bytes(self._received[at : at + _LENGTH], "big")
            if length > MAX_FRAME:
                self._end()
                return
            end = at + _LENGTH + length
            if len(self._received) < end:
                break
            try:
                message = _decoder.decode(bytes(self._received[at + _LENGTH : end]))
                fds = tuple(self._fds.popleft() for _ in range(message.FDS))
            except (msgspec.MsgspecError, IndexError):
                # Bytes that are no message, or descriptors that did not come: nothing behind them can be believed.
                self._end()
                return
            at = end
            self._on_message(message, fds)
        if not self._closed:
            del self._received[:at]

    def _end(self) -> None:
        if not self._closed:
            self.close()
            self._on_close()


def _receive(sock: socket.socket) -> tuple[bytes, list[int]]:
    """Receive bytes and descriptors, each descriptor close-on-exec (socket.recv_fds leaves that out)."""
    size = array.array("i").itemsize
    data, ancillary, _, _ = sock.recvmsg(_READ, socket.CMSG_SPACE(_MAX_FDS * size), socket.MSG_CMSG_CLOEXEC)
    fds = array.array("i")
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(payload[: len(payload) - len(payload) % size])
    return data, list(fds)
