"""What comes in one batch of events is gone through as a whole before anything of it is sent.

The clients and agents here act without a turn of the loop in between, so that the gateway, which runs in the same loop,
sees it all at once.
"""

import os
import socket

from tests.wire.gateway import GET, OK, Client, replies, serving, until

POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"


def at_once(peer, data):
    """Send from the agent, now."""
    assert os.write(peer.writer.get_extra_info("socket").fileno(), data) == len(data)


def end_at_once(peer):
    """Say from the agent that this is all, now."""
    with socket.socket(fileno=os.dup(peer.writer.get_extra_info("socket").fileno())) as end:
        end.shutdown(socket.SHUT_WR)


async def silent(peer):
    """Read, and leave the answers to the test."""
    while await peer.request() is not None:
        pass


async def test_a_connection_that_has_ended_is_not_taken_for_a_request_that_came_before_its_end():
    async with serving(replies(OK)) as gateway:
        client = await gateway.client(POST)
        await client.response()
        client.sock.send(POST)
        end_at_once(gateway.peers[0])
        assert (await client.response()).status == 200
        assert len(gateway.peers) == 2
        assert len(gateway.requests()) == 2
        assert gateway.count("agw_retries_total") == 0, "it was taken, and its request sent again"


async def test_an_answer_that_is_not_sent_yet_keeps_its_connection_where_another_wants_the_place():
    async with serving(silent, max_connections=1) as gateway:
        client = await gateway.client(GET)
        await until(lambda: gateway.peers and gateway.peers[0].at, "the request is at the agent")
        at_once(gateway.peers[0], OK)
        other = Client(gateway.port)
        gateway.clients.append(other)
        other.sock.connect_ex(("127.0.0.1", gateway.port))
        assert (await client.response()).body == b"hello"


async def test_answers_of_one_batch_reach_each_its_own_client_and_are_complete():
    async with serving(silent) as gateway:
        clients = [await gateway.client(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number) for number in range(20)]
        await until(lambda: len([peer for peer in gateway.peers if peer.at]) == 20, "all requests are at the agent")
        for peer in gateway.peers:
            number = peer.received.split(b" ", 2)[1].strip(b"/")
            at_once(peer, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(number), number))
        for number, client in enumerate(clients):
            assert (await client.response()).body == b"%d" % number


async def test_requests_that_wait_in_a_connection_are_answered_in_order_within_a_batch():
    async with serving(replies(OK)) as gateway:
        client = await gateway.client(GET * 30)
        for _ in range(30):
            assert (await client.response()).body == b"hello"


async def test_a_client_that_is_gone_when_its_answer_is_sent_costs_nobody_else():
    async with serving(silent) as gateway:
        leaving, staying = await gateway.client(GET), await gateway.client(GET)
        await until(lambda: len([peer for peer in gateway.peers if peer.at]) == 2, "both requests are at the agent")
        for peer in gateway.peers:
            at_once(peer, OK)
        leaving.reset()
        assert (await staying.response()).body == b"hello"
        await until(lambda: gateway.reactor.live()["connections"] == 1, "the gateway knows that one has left")
