"""A poller that waits in its loop's place: nothing that the loop has to do is missed or late for it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from contextlib import contextmanager

import pytest
import uvloop

from agw._fastpath.poller import Poller
from agw._fastpath.reactor import Reactor
from agw._fastpath.record import COUNTERS_SIZE, RECORDS_SIZE

ALL = {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


@pytest.fixture(params=ALL)
def loop(request):
    loop = ALL[request.param]()
    poller = Poller(loop)
    poller.start(alone=True)
    yield loop
    poller.stop()
    loop.close()


@contextmanager
def patience(seconds=20):
    """End a test that would wait for ever."""
    timer = threading.Timer(seconds, os.abort)
    timer.start()
    yield
    timer.cancel()


def run(loop, future):
    with patience():
        return loop.run_until_complete(future)


def test_timers_of_the_loop_come(loop):
    order = []
    done = loop.create_future()
    loop.call_later(0.03, done.set_result, None)
    loop.call_later(0.02, order.append, 2)
    loop.call_later(0.01, order.append, 1)

    run(loop, done)

    assert order == [1, 2]


def test_a_timer_that_is_set_while_another_waits_comes_first(loop):
    order = []
    done = loop.create_future()
    late = loop.call_later(60, order.append, "late")
    loop.call_later(0.01, loop.call_later, 0.01, done.set_result, None)

    run(loop, done)
    late.cancel()

    assert order == []


def test_another_thread_wakes_it(loop):
    done = loop.create_future()
    thread = threading.Timer(0.05, loop.call_soon_threadsafe, (done.set_result, 7))
    thread.start()

    assert run(loop, done) == 7


def test_a_descriptor_that_is_added_by_a_callback_is_watched(loop):
    ours, theirs = socket.socketpair()
    done = loop.create_future()
    loop.call_later(0.01, loop.add_reader, ours.fileno(), lambda: done.set_result(ours.recv(9)))
    loop.call_later(0.03, theirs.send, b"news")

    assert run(loop, done) == b"news"
    loop.remove_reader(ours.fileno())
    ours.close()
    theirs.close()


def test_tasks_run_to_their_end(loop):
    async def work(rounds):
        for _ in range(rounds):
            await asyncio.sleep(0)
        return rounds

    async def all_of_it():
        return sum(await asyncio.gather(*(work(rounds) for rounds in range(50))))

    assert run(loop, all_of_it()) == sum(range(50))


@pytest.mark.parametrize("kind", ALL)
def test_sockets_are_served_beside_callbacks_without_end(kind):
    loop = ALL[kind]()
    memory = {"counters": memoryview(bytearray(COUNTERS_SIZE)), "records": memoryview(bytearray(RECORDS_SIZE))}
    reactor = Reactor(loop, **memory)
    reactor.start(alone=True)
    answered = loop.create_future()

    def again():
        if not answered.done():
            loop.call_soon(again)

    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        server.settimeout(0)
        reactor.listen(server.fileno(), 80)
        client.sendall(b"no request\r\n\r\n")
        client.settimeout(0)
        loop.add_reader(client.fileno(), lambda: answered.done() or answered.set_result(client.recv(12)))
        again()
        assert run(loop, answered) == b"HTTP/1.1 400"
        loop.remove_reader(client.fileno())
        reactor.close()
    loop.close()


def test_a_signal_handler_of_the_loop_is_called(loop):
    done = loop.create_future()
    loop.add_signal_handler(signal.SIGUSR2, done.set_result, None)
    loop.call_later(0.02, os.kill, os.getpid(), signal.SIGUSR2)

    run(loop, done)

    loop.remove_signal_handler(signal.SIGUSR2)


def test_it_can_be_stopped_and_the_loop_goes_on():
    loop = uvloop.new_event_loop()
    poller = Poller(loop)
    poller.start(alone=True)
    stopped = loop.create_future()
    loop.call_later(0.01, lambda: (poller.stop(), loop.call_later(0.01, stopped.set_result, None)))

    run(loop, stopped)

    loop.close()
