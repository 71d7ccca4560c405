"""Agent cards that cannot be read pass as they are, and each is told of: their clients may go past the gateway."""

import gzip

import msgspec
import pytest

from agw.snapshot.model import Card, WeightedBackend
from tests.wire.gateway import entries
from tests.wire.test_cards import (
    BOMB,
    HUGE,
    INTERNAL,
    PASSED,
    RULE,
    WELL_KNOWN,
    ask,
    cards,
    everywhere,
    in_chunks,
    ok,
)

BACKEND = "backend/Backend/d/b"
DEEP = b'{"url":"http://h:9999/","deep":' + b"[" * 5_000 + b"]" * 5_000 + b"}"
UNREAD = {
    "brotli": (INTERNAL, b"br", "its content coding br cannot be undone here"),
    "zstd": (INTERNAL, b"ZSTD", "its content coding zstd cannot be undone here"),
    "no gzip": (INTERNAL, b"gzip", "its content coding gzip is broken, or it has more than 256 KiB without"),
    "cut gzip": (gzip.compress(INTERNAL)[:-9], b"gzip", "broken"),
    "two members": (gzip.compress(INTERNAL[:9]) + gzip.compress(INTERNAL[9:]), b"gzip", "broken"),
    "bomb": (BOMB, b"gzip", "more than 256 KiB"),
    "deep": (DEEP, b"identity", "it is nested too deeply"),
    "UTF-16": (INTERNAL.decode().encode("utf-16"), b"identity", "it is not in UTF-8"),
    "UTF-32": (INTERNAL.decode().encode("utf-32-le"), b"identity", "it is not in UTF-8"),
}


@everywhere
@pytest.mark.parametrize(("body", "coding", "reason"), UNREAD.values(), ids=UNREAD)
async def test_a_card_that_cannot_be_read_passes_and_is_told(request_, wrapped, body, coding, reason):
    told = []
    answer = ok(body, b"Content-Encoding: " + coding, b'ETag: "agents"')
    async with cards(answer, unread=told) as gateway:
        client = await gateway.client(request_)
        response = await client.response()
        assert response.body == body
        assert response.one("etag") == b'"agents"'
        [(backend, said)] = told
        assert backend == BACKEND
        assert reason in said


@everywhere
@pytest.mark.parametrize("name", ["error", "no card", "text", "404", "401", "206", "broken", "empty"])
async def test_what_is_no_card_is_not_told(request_, wrapped, name):
    told = []
    async with cards(PASSED[name], unread=told) as gateway:
        await (await gateway.client(request_)).response()
        assert told == []


@everywhere
@pytest.mark.parametrize("answer", [ok, lambda body: in_chunks(body, size=40_000)], ids=["told", "found out"])
async def test_a_card_over_the_bound_passes_and_is_told(request_, wrapped, answer):
    told, body = [], wrapped(HUGE)
    async with cards(answer(body), unread=told) as gateway:
        client = await gateway.client(request_)
        assert (await client.response()).body == body
        assert told == [(BACKEND, "it has more than 256 KiB")]


@everywhere
@pytest.mark.parametrize("coding", [b"gzip, gzip", b"gzip\r\nContent-Encoding: br", b"made-up"])
async def test_a_card_in_codings_that_nobody_knows_passes_and_is_told(request_, wrapped, coding):
    told = []
    async with cards(ok(INTERNAL, b"Content-Encoding: " + coding), unread=told) as gateway:
        client = await gateway.client(request_)
        assert (await client.response()).body == INTERNAL
        [(backend, reason)] = told
        assert backend == BACKEND
        assert "coding" in reason


async def test_it_is_told_of_the_one_that_answered():
    told = []
    async with cards(ok(HUGE), unread=told) as gateway:
        served = entries(gateway.agent_port)
        agent = msgspec.structs.replace(served[BACKEND], protocol="A2A", card=Card())
        other = msgspec.structs.replace(agent, ref="d/other")
        two = (WeightedBackend(BACKEND, 0), WeightedBackend("backend/Backend/d/other", 1))
        rule = msgspec.structs.replace(served[RULE], backends=two)
        gateway.use({**served, BACKEND: agent, "backend/Backend/d/other": other, RULE: rule})
        client = await gateway.client(ask(WELL_KNOWN))
        assert (await client.response()).body == HUGE
        assert told == [("backend/Backend/d/other", "it has more than 256 KiB")]


async def test_a_bound_holds_for_what_is_coded_too():
    told = []
    body = gzip.compress(HUGE)
    async with cards(ok(body, b"Content-Encoding: gzip"), unread=told) as gateway:
        client = await gateway.client(b"GET /.well-known/agent-card.json HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await client.response()).body == body
        assert len(told) == 1
