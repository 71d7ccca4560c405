"""A2A users for locust: they fetch the agent card, send messages and read event streams, as agents' clients do.

A user takes the endpoint from the card that it was given and fails when that is not on the gateway: a card that was not
rewritten sends clients past the gateway while every request still succeeds. locust times a stream up to its head; the times
to its first event and to its end are rows of their own. Run it through `python -m bench.locust_run`, or by
hand: `locust -f bench/locustfile.py --host http://127.0.0.1:8080 --api-key key-value-foo`.
"""

from __future__ import annotations

import json
import time
import uuid
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from geventhttpclient.response import HTTPParseError
from locust import between, events, task
from locust.contrib.fasthttp import FastHttpUser, FastResponse

CARD = "/.well-known/agent-card.json"


class AnswerError(Exception):
    """The gateway answered, but not as it should have."""


def add_options(parser: ArgumentParser) -> None:
    """The key that users present, and how many events a stream must have."""
    parser.add_argument("--api-key", default="", env_var="BENCH_API_KEY", help="presented as a bearer token")
    parser.add_argument("--stream-events", type=int, default=5, env_var="BENCH_STREAM_EVENTS", help="per stream")


events.init_command_line_parser.add_listener(add_options)  # type: ignore[no-untyped-call]


def call(method: str) -> dict[str, Any]:
    """A JSON-RPC call that sends a message."""
    said = {
        "kind": "message",
        "role": "user",
        "messageId": str(uuid.uuid4()),
        "parts": [{"kind": "text", "text": "hi"}],
    }
    return {"jsonrpc": "2.0", "id": str(uuid.uuid4()), "method": method, "params": {"message": said}}


def endpoints(card: dict[str, Any]) -> Iterator[str]:
    """Every URL at which a client of either generation may look for the agent."""
    yield card["url"]
    for interface in (*card.get("supportedInterfaces", ()), *card.get("additionalInterfaces", ())):
        yield interface["url"]


def check_status(response: FastResponse) -> None:
    """AnswerError unless it is 200."""
    if response.status_code != 200:
        raise AnswerError(f"status {response.status_code}")


def check_message(answer: dict[str, Any], identity: str) -> None:
    """AnswerError unless this is the answer to that call."""
    if answer.get("id") != identity or answer.get("result", {}).get("kind") != "message":
        raise AnswerError(f"not the answer to {identity}: {answer}")


class A2AUser(FastHttpUser):
    """A client of one agent."""

    wait_time = between(0.01, 0.1)
    endpoint = "/"

    def on_start(self) -> None:
        """Learn the endpoint, as every A2A client does first."""
        options = self.environment.parsed_options
        self.headers = {"Authorization": f"Bearer {options.api_key}"} if options.api_key else {}
        self.stream_events = options.stream_events
        self.card()

    @task(2)
    def card(self) -> None:
        """Fetch the card; every endpoint in it must be on the gateway."""
        gateway = urlsplit(self.host or "")
        with self.client.get(CARD, headers=self.headers, catch_response=True, name="card") as response:
            if response.status_code != 200:
                response.failure(f"status {response.status_code}")
                return
            card = response.json()
            past = [url for url in endpoints(card) if urlsplit(url).netloc != gateway.netloc]
            if past:
                response.failure(f"the card sends clients past the gateway: {past}")
                return
            self.endpoint = urlsplit(card["url"]).path or "/"

    @task(8)
    def send(self) -> None:
        """Send a message and read the one answer."""
        asked = call("message/send")
        with self.client.post(
            self.endpoint, json=asked, headers=self.headers, catch_response=True, name="send"
        ) as response:
            try:
                check_status(response)
                check_message(response.json(), asked["id"])
            except (AnswerError, ValueError) as error:
                response.failure(str(error))

    @task(4)
    def stream(self) -> None:
        """Send a message and read the events of the answer."""
        asked = call("message/stream")
        headers = {**self.headers, "Accept": "text/event-stream"}
        begun = time.perf_counter()
        with self.client.post(
            self.endpoint, json=asked, headers=headers, stream=True, catch_response=True, name="stream"
        ) as response:
            try:
                check_status(response)
                self.read_events(response, asked["id"], begun)
            except (AnswerError, HTTPParseError, ValueError, OSError) as error:
                response.failure(f"{type(error).__name__}: {error}")

    def read_events(self, response: FastResponse, identity: str, begun: float) -> None:
        """Read a stream to its end; AnswerError when an event is wrong or missing."""
        seen = 0
        raw = response._response  # noqa: SLF001 - its own readline() knows only lines that end in CRLF
        while raw is not None and (line := raw.readline(b"\n")):
            if not line.startswith(b"data: "):
                continue
            seen += 1
            if seen == 1:
                self.report("first event", begun)
            answer = json.loads(line[6:])
            check_message(answer, identity)
            if answer["result"]["messageId"] != f"answer-{seen}":
                raise AnswerError(f"event {seen} is {answer['result']['messageId']}")
        if seen != self.stream_events:
            raise AnswerError(f"{seen} of {self.stream_events} events")
        self.report("end", begun)

    def report(self, name: str, begun: float) -> None:
        """Report the time to a point of a stream."""
        took = (time.perf_counter() - begun) * 1000
        self.environment.events.request.fire(
            request_type="SSE", name=name, response_time=took, response_length=0, exception=None, context={}
        )
