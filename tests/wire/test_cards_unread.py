"""Agent cards that cannot be read pass as they are, and each is told of: their clients may go past the gateway."""

import gzip

import pytest

from tests.wire.test_cards import BOMB, HUGE, INTERNAL, PASSED, cards, everywhere, ok

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


async def test_a_bound_holds_for_what_is_coded_too():
    told = []
    body = gzip.compress(HUGE)
    async with cards(ok(body, b"Content-Encoding: gzip"), unread=told) as gateway:
        client = await gateway.client(b"GET /.well-known/agent-card.json HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await client.response()).body == body
        assert len(told) == 1
