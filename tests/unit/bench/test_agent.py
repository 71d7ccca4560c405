"""The rig's agent says what locust's users expect."""

from __future__ import annotations

import asyncio
import json

import pytest

from bench.agent import Agent, converse, main


async def spoken(*requests):
    """What the agent answers to these requests on one connection, until it closes."""
    server = await asyncio.start_server(
        lambda reader, writer: converse(Agent("http://a.example:1", events=3, interval=0), reader, writer),
        "127.0.0.1",
        0,
    )
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"".join(requests))
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    return answer


def call(method):
    body = json.dumps({"jsonrpc": "2.0", "id": "7", "method": method}).encode()
    return b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def test_the_card_names_the_agent_in_both_generations():
    answer = asyncio.run(spoken(b"GET /.well-known/agent-card.json HTTP/1.1\r\nHost: a\r\n\r\n"))
    card = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert card["url"] == card["supportedInterfaces"][0]["url"] == "http://a.example:1/"


@pytest.mark.parametrize("method", ["message/send", "SendMessage"])
def test_a_message_has_one_answer(method):
    answer = asyncio.run(spoken(call(method), call(method)))
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert json.loads(answer.rpartition(b"\r\n\r\n")[2])["id"] == "7"


@pytest.mark.parametrize("method", ["message/stream", "SendStreamingMessage"])
def test_a_stream_has_its_events_and_an_end(method):
    answer = asyncio.run(spoken(call(method)))
    assert b"content-type: text/event-stream\r\n" in answer
    events = [json.loads(line[6:]) for line in answer.split(b"\n") if line.startswith(b"data: ")]
    assert [event["result"]["messageId"] for event in events] == ["answer-1", "answer-2", "answer-3"]
    assert answer.endswith(b"0\r\n\r\n")


def test_anything_else_is_not_found():
    assert asyncio.run(spoken(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")).startswith(b"HTTP/1.1 404 ")
    assert asyncio.run(spoken(call("tasks/get"))).startswith(b"HTTP/1.1 404 ")


def test_wrong_usage_is_told(capsys):
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err
