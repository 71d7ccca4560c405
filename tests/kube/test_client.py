"""Requests against a server that plays a script: what is sent, and what is raised."""

import asyncio
import json

import pytest

from agw.kube import Client, Conflict, Expired, Key, Malformed, Recorder, Reference, Resource, Scope, Unreachable, plain
from tests.kube.scripted import Scripted, answers, obj, page, status

THINGS = Resource("example.com", "v1", "things", "Thing")
ONE = Key("ns", "a")


def play(folder, *steps):
    """Run a coroutine of (client, server) against the steps."""

    def run(body):
        async def whole():
            async with Scripted(*steps) as server, Client.find(server.kubeconfig(folder), manager="me") as client:
                async with asyncio.timeout(30):
                    await body(client, server)

        asyncio.run(whole())

    return run


def test_apply_says_what_it_is_and_who_we_are(tmp_path):
    @play(tmp_path, answers(200, obj("a", 2)))
    async def _(client, server):
        data = await client.apply(THINGS, ONE, {"metadata": {"labels": {"x": "y"}}, "status": {}}, subresource="status")
        assert plain(data)["metadata"]["resourceVersion"] == "2"
        [request] = server.requests
        assert (request.method, request.path) == ("PATCH", "/apis/example.com/v1/namespaces/ns/things/a/status")
        assert request.headers["content-type"] == "application/apply-patch+yaml"
        assert request.headers["user-agent"] == "agw"
        assert request.headers["accept-encoding"] == "identity"
        assert request.query == {"fieldManager": "me", "force": "true"}
        assert json.loads(request.body) == {
            "apiVersion": "example.com/v1",
            "kind": "Thing",
            "metadata": {"name": "a", "namespace": "ns", "labels": {"x": "y"}},
            "status": {},
        }


def test_what_is_sent(tmp_path):
    fine = answers(200, obj("a", 1))

    @play(tmp_path, *[fine] * 5)
    async def _(client, server):
        await client.create(THINGS, {"x": 1}, namespace="ns")
        await client.replace(THINGS, ONE, {"x": 2})
        await client.patch(THINGS, ONE, {"x": None})
        await client.delete(THINGS, ONE, propagation="Foreground", uid="u")
        await client.delete(THINGS, ONE)
        sent = [(each.method, each.path.rpartition("/v1/")[2], json.loads(each.body)) for each in server.requests]
        assert sent == [
            ("POST", "namespaces/ns/things", {"x": 1}),
            ("PUT", "namespaces/ns/things/a", {"x": 2}),
            ("PATCH", "namespaces/ns/things/a", {"x": None}),
            ("DELETE", "namespaces/ns/things/a", {"propagationPolicy": "Foreground", "preconditions": {"uid": "u"}}),
            ("DELETE", "namespaces/ns/things/a", {"propagationPolicy": "Background"}),
        ]
        kinds = [each.headers["content-type"] for each in server.requests]
        assert kinds[2:4] == ["application/merge-patch+json", "application/json"]


def test_a_list_is_read_in_pages(tmp_path):
    @play(tmp_path, answers(200, page(0, obj("a", 1), more="next")), answers(200, page(7, obj("b", 2))))
    async def _(client, server):
        listed = await client.list(THINGS, plain, Scope("ns", labels="a=b"), limit=1)
        assert [each["metadata"]["name"] for each in listed.items] == ["a", "b"]
        assert listed.resource_version == "7"
        assert [each.query for each in server.requests] == [
            {"labelSelector": "a=b", "limit": "1"},
            {"labelSelector": "a=b", "limit": "1", "continue": "next"},
        ]


@pytest.mark.parametrize("items", [None, []])
def test_an_empty_list(tmp_path, items):
    @play(tmp_path, answers(200, {"metadata": {"resourceVersion": "1"}, "items": items}))
    async def _(client, _server):
        assert (await client.list(THINGS, plain)).items == ()


def test_refusals_are_raised_as_what_they_are(tmp_path):
    @play(tmp_path, answers(409, status(409, "Conflict")), answers(410, status(410, "Expired")), answers(200, b"no"))
    async def _(client, _server):
        with pytest.raises(Conflict):
            await client.replace(THINGS, ONE, {})
        with pytest.raises(Expired):
            await client.list(THINGS, plain)
        with pytest.raises(Malformed):
            await client.list(THINGS, plain)


def test_a_server_that_does_not_answer_in_time_is_unreachable(tmp_path):
    @play(tmp_path)
    async def _(client, _server):
        with pytest.raises(Unreachable, match=r"no answer within 0.05 s"):
            await client.request("GET", "/slow", within=0.05)
        with pytest.raises(Unreachable, match=r"no answer within 0.05 s"):
            async with client.stream("/slow", {}, answer_within=0.05):
                pass


async def read_all(client):
    async with client.stream("/cut", {}) as chunks:
        return [chunk async for chunk in chunks]


def test_an_answer_that_is_cut_is_unreachable(tmp_path):
    async def cut(_request, connection):
        connection.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await connection.writer.drain()
        connection.writer.close()

    async def cut_stream(_request, connection):
        await connection.begin()
        await connection.send_bytes(b"some")
        connection.cut()

    @play(tmp_path, cut, cut_stream)
    async def _(client, _server):
        with pytest.raises(Unreachable):
            await client.request("GET", "/cut")
        with pytest.raises(Unreachable):
            await read_all(client)


def test_a_request_can_be_cancelled(tmp_path):
    @play(tmp_path)
    async def _(client, server):
        task = asyncio.create_task(client.request("GET", "/never"))
        await server.until(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def test_an_event_is_sent_again_when_the_server_fails_and_not_when_it_refuses(tmp_path, monkeypatch):
    monkeypatch.setattr("agw.kube.events.RETRY_SECONDS", 0.01)
    created = answers(201, obj("e", 1))
    refused = answers(403, status(403, "Forbidden"))

    @play(tmp_path, answers(503, b""), created, refused, created)
    async def _(client, server):
        recorder = Recorder(client, "example.com/controller", "pod")
        running = asyncio.create_task(recorder.run())
        thing = Reference("example.com/v1", "Thing", "ns", "a")
        for number, reason in ((2, "First"), (3, "Refused"), (4, "Last")):
            recorder.record(thing, reason=reason, action="Act", note="n")
            await server.until(number)
        sent = [json.loads(each.body)["reason"] for each in server.requests]
        assert sent == ["First", "First", "Refused", "Last"]
        running.cancel()
        await asyncio.wait({running})
