"""The channel: messages whole and in order however bytes arrive, descriptors with them, the end told once."""

from __future__ import annotations

import asyncio
import errno
import os
import socket

import pytest

from agw.dataplane import frames
from agw.dataplane.frames import Applied, Change, Channel, Full, Listen, Start, Unlisten
from agw.settings import Address, Settings

ANY = Address("127.0.0.1", 0)


class Side:
    """One side, and what came to it."""

    def __init__(self, loop, sock):
        self.messages = []
        self.fds = []
        self.ended = 0
        self.news = asyncio.Event()
        self.channel = Channel(loop, sock, self._on_message, self._on_close)

    def _on_message(self, message, fds):
        self.messages.append(message)
        self.fds.extend(fds)
        self.news.set()

    def _on_close(self):
        self.ended += 1
        self.news.set()

    async def until(self, condition):
        async with asyncio.timeout(10):
            while not condition():
                self.news.clear()
                await self.news.wait()


def run(case, *, size=0):
    async def wrapped():
        pair = socket.socketpair()
        if size:
            for sock in pair:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)
        sides = [Side(asyncio.get_running_loop(), sock) for sock in pair]
        try:
            await case(*sides)
        finally:
            for side in sides:
                side.channel.close()

    asyncio.run(wrapped())


def test_messages_arrive_as_they_were_sent():
    sent = [Applied(7), Full(b"\x00" * 100), Change(b""), Unlisten(80, 1)]

    async def case(ours, theirs):
        for message in sent:
            ours.channel.send(message)
        await theirs.until(lambda: len(theirs.messages) == len(sent))
        assert theirs.messages == sent

    run(case)


def test_descriptors_that_need_not_wait_need_no_others(monkeypatch):
    def none_left(_):
        raise OSError(errno.EMFILE, "too many")

    monkeypatch.setattr(os, "dup", none_left)

    async def case(ours, theirs):
        ours.channel.send(Listen(80, Address("", 1), 0), (0,))
        await theirs.until(lambda: theirs.messages)
        assert len(theirs.fds) == 1
        os.close(theirs.fds[0])

    run(case)


def test_who_misses_a_message_is_not_told_the_next(monkeypatch):
    def none_left(_):
        raise OSError(errno.EMFILE, "too many")

    monkeypatch.setattr(os, "dup", none_left)

    async def case(ours, theirs):
        ours.channel.send(Full(b"a" * 3_000_000))
        ours.channel.send(Listen(80, Address("", 1), 0), (0,))
        ours.channel.send(Applied(1))
        await theirs.until(lambda: theirs.ended)
        assert theirs.messages == []
        assert ours.ended == 1

    run(case, size=4096)


def test_large_messages_pass_a_small_socket_and_keep_their_descriptors():
    reading, writing = os.pipe()
    settings = Settings.load({})

    async def case(ours, theirs):
        ours.channel.send(Full(b"a" * 3_000_000))
        ours.channel.send(Listen(80, Address("::1", 8080), 1), (writing,))
        ours.channel.send(Full(b"b" * 3_000_000))
        ours.channel.send(Start(3, settings, "agw-1"), (writing,) * Start.FDS)
        os.close(writing)
        await theirs.until(lambda: len(theirs.messages) == 4)
        assert [type(message) for message in theirs.messages] == [Full, Listen, Full, Start]
        assert theirs.messages[1] == Listen(80, Address("::1", 8080), 1)
        assert theirs.messages[3].settings == settings
        assert len(theirs.fds) == 1 + Start.FDS
        assert not any(os.get_inheritable(fd) for fd in theirs.fds)
        for fd in theirs.fds:
            os.write(fd, b"x")
            os.close(fd)
        assert os.read(reading, 10) == b"x" * (1 + Start.FDS)
        assert os.read(reading, 10) == b""  # nobody holds the other end any more

    run(case, size=4096)
    os.close(reading)


def test_a_frame_byte_by_byte():
    async def case():
        near, far = socket.socketpair()
        with near:
            side = Side(asyncio.get_running_loop(), far)
            body = frames._encoder.encode(Applied(9))
            for byte in len(body).to_bytes(4, "big") + body:
                near.send(bytes((byte,)))
                await asyncio.sleep(0)
            await side.until(lambda: side.messages)
            assert side.messages == [Applied(9)]
            near.close()
            await side.until(lambda: side.ended)
            assert side.ended == 1

    asyncio.run(case())


@pytest.mark.parametrize("length", [frames.MAX_FRAME + 1, 0xFFFFFFFF])
def test_a_length_that_cannot_be_ends_it(length):
    async def case():
        near, far = socket.socketpair()
        with near:
            side = Side(asyncio.get_running_loop(), far)
            near.send(length.to_bytes(4, "big"))
            await side.until(lambda: side.ended)

    asyncio.run(case())


@pytest.mark.parametrize(
    "body",
    [b"", b"\xc1", b"\x90", frames._encoder.encode({"type": "Nothing"}), frames._encoder.encode(Listen(80, ANY, 1))],
)
def test_a_message_that_is_none_ends_it(body):
    """Whoever speaks for a worker that is not itself any more must not stop the supervisor."""

    async def case():
        near, far = socket.socketpair()
        with near:
            side = Side(asyncio.get_running_loop(), far)
            near.send(len(body).to_bytes(4, "big") + body)
            await side.until(lambda: side.ended)
            assert side.messages == []

    asyncio.run(case())


def test_the_other_sides_end_is_told_and_sending_after_it_is_nothing():
    async def case(ours, theirs):
        theirs.channel.close()
        await ours.until(lambda: ours.ended)
        ours.channel.send(Applied(1))
        ours.channel.close()
        assert (ours.ended, theirs.ended) == (1, 0)

    run(case)


def test_descriptors_that_nobody_took_are_closed():
    reading, writing = os.pipe()

    async def case(ours, theirs):
        ours.channel.send(Full(b"a" * 3_000_000))  # the far side is closed before it reads as far as the descriptor
        ours.channel.send(Listen(80, Address("", 1), 0), (writing,))
        os.close(writing)
        theirs.channel.close()
        ours.channel.close()

    run(case, size=4096)
    assert os.read(reading, 1) == b""
    os.close(reading)
