"""Connections for requests, against a server that plays a script: what is used again, what is not, and what it costs."""

import asyncio
import json
import ssl
import sys
from contextlib import asynccontextmanager

import pytest
import uvloop

from agw.kube import Client, CredentialsError, Key, Resource, Unreachable, plain, wire
from agw.kube.wire import Ask, Pool
from tests.kube.scripted import Scripted, answers, obj, status

THINGS = Resource("example.com", "v1", "things", "Thing")
ONE = Key("ns", "a")
FINE = answers(200, obj("a", 1))
GET = Ask("GET", "/a")


@pytest.fixture(params=[asyncio.run, uvloop.run])
def run_on(request):
    """A controller runs on uvloop, tests and tools on asyncio."""
    return request.param


@asynccontextmanager
async def pool(*steps, path=""):
    """(a pool, a server that plays these steps and counts its connections)."""
    async with Scripted(*steps) as server, asyncio.timeout(30):
        found = Pool(server.url + path, ssl.create_default_context(), None, {"User-Agent": "me"})
        try:
            yield found, server
        finally:
            await found.close()


def says(*pieces, close=False):
    """A step that says this, piece by piece."""

    async def step(_request, connection):
        for piece in pieces:
            connection.writer.write(piece)
            await connection.writer.drain()
            await asyncio.sleep(0)
        if close:
            connection.writer.close()

    return step


def sources(server):
    """The connections that requests came by, numbered as they came."""
    numbers = {}
    return [numbers.setdefault(port, len(numbers)) for port in server.ports]


def test_a_connection_is_used_again(run_on):
    async def run():
        async with pool(FINE, FINE, FINE) as (links, server):
            for _ in range(3):
                assert (await links.send(GET)).status_code == 200
            assert sources(server) == [0, 0, 0]

    run_on(run())


def test_as_many_as_are_asked_at_once(run_on):
    async def run():
        go = asyncio.Event()

        async def slow(_request, connection):
            await go.wait()
            await connection.answer(200, b"slow")

        async with pool(slow, FINE, FINE) as (links, server):
            first = asyncio.create_task(links.send(GET))
            await server.until(1)
            await links.send(GET)
            await links.send(GET)
            go.set()
            assert (await first).body == b"slow"
            assert sources(server) == [0, 1, 1]

    run_on(run())


@pytest.mark.parametrize(
    ("said", "body"),
    [
        ([b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n", b"a", b"bc"], b"abc"),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", b"2\r\nbc\r\n0\r\n\r\n"], b"abc"),
        ([b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 X\r\nlink: x\r\n\r\n", b"HTTP/1.1 204 No\r\n\r\n"], b""),
    ],
)
def test_answers_in_pieces_and_after_others(run_on, said, body):
    async def run():
        async with pool(says(*said), FINE) as (links, server):
            assert (await links.send(GET)).body == body
            await links.send(GET)
            assert sources(server) == [0, 0]

    run_on(run())


@pytest.mark.parametrize(
    "said",
    [
        says(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\na"),
        says(b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na"),
        says(b"HTTP/1.1 200 OK\r\n\r\n", b"a", close=True),
        says(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", close=True),
        says(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb"),
    ],
)
def test_a_connection_that_is_over_is_not_used_again(run_on, said):
    async def run():
        async with pool(said, FINE) as (links, server):
            assert (await links.send(GET)).body == b"a"
            await asyncio.sleep(0)
            while links._resting and links._resting[-1].usable:
                await asyncio.sleep(0.001)
            assert (await links.send(GET)).status_code == 200
            assert sources(server) == [0, 1]

    run_on(run())


@pytest.mark.parametrize(
    "said",
    [
        says(close=True),
        says(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", close=True),
        says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf", close=True),
        says(b"SSH-2.0-x\r\n"),
        says(b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
    ],
)
def test_what_is_no_answer_is_an_error(run_on, said):
    async def run():
        async with pool(said, FINE) as (links, server):
            with pytest.raises(ConnectionError):
                await links.send(GET)
            await links.send(GET)
            assert sources(server) == [0, 1]

    run_on(run())


def test_the_answer_to_one_that_was_cancelled_is_nobodys(run_on):
    async def run():
        go = asyncio.Event()

        async def late(_request, connection):
            await go.wait()
            await connection.answer(200, b"of the first")

        async with pool(late, answers(200, b"of the second")) as (links, server):
            first = asyncio.create_task(links.send(GET))
            await server.until(1)
            first.cancel()
            await asyncio.wait({first})
            go.set()
            assert (await links.send(GET)).body == b"of the second"
            assert sources(server) == [0, 1]

    run_on(run())


def test_one_that_has_rested_for_long_is_closed(run_on, monkeypatch):
    async def run():
        async with pool(FINE, FINE) as (links, server):
            await links.send(GET)
            monkeypatch.setattr(wire, "_REST", -1.0)
            await links.send(GET)
            assert sources(server) == [0, 1]

    run_on(run())


def test_paths_and_queries_are_quoted(run_on):
    async def run():
        async with pool(FINE, path="/k8s/cluster/") as (links, server):
            await links.send(Ask("GET", "/a b\r\nX: y/%2F?", {"q": "a=b,c !\r\n"}))
            [request] = server.requests
            assert request.path == "/k8s/cluster/a%20b%0D%0AX:%20y/%2F%3F"
            assert request.query == {"q": "a=b,c !\r\n"}
            assert "x" not in request.headers

    run_on(run())


@pytest.mark.parametrize("url", ["", "ftp://a", "localhost:80", "http://", "http://a:b"])
def test_what_is_no_url_of_http_is_refused(tmp_path, url):
    path = tmp_path / "config"
    cluster = {"name": "s", "cluster": {"server": url}}
    context = {"name": "s", "context": {"cluster": "s", "user": "s"}}
    user = {"name": "s", "user": {"token": "t"}}
    path.write_text(json.dumps({"current-context": "s", "contexts": [context], "clusters": [cluster], "users": [user]}))
    with pytest.raises(CredentialsError):
        Client.find(str(path))


def test_a_token_is_no_way_to_another_header(run_on, tmp_path):
    async def run():
        async with Scripted(FINE) as server:
            async with Client.find(server.kubeconfig(tmp_path, {"token": "a\r\nX-Remote-User: admin"})) as client:
                with pytest.raises(CredentialsError):
                    await client.get(THINGS, ONE, plain)
            assert server.requests == []

    run_on(run())


def test_through_a_proxy_where_there_is_one(run_on, tmp_path, monkeypatch):
    async def run():
        async with Scripted(FINE, answers(503, status(503, "X"), Retry_After="7")) as proxy:
            monkeypatch.setenv("http_proxy", proxy.url)
            async with Scripted() as server:
                path, url = server.kubeconfig(tmp_path), server.url
            async with Client.find(path) as client:
                assert (await client.get(THINGS, ONE, plain))["metadata"]["name"] == "a"
                with pytest.raises(Exception, match="scripted") as caught:
                    await client.get(THINGS, ONE, plain)
                assert caught.value.retry_after == 7
            assert all(request.headers["host"] in url for request in proxy.requests)

    run_on(run())


def test_over_tls(run_on, apiserver):
    async def run():
        async with Client.find(str(apiserver.kubeconfig)) as client:
            for _ in range(3):
                assert await client.request("GET", "/readyz") == b"ok"
            assert len(client._connection.links.requests._resting) == 1

    run_on(run())


def test_a_request_is_little_work(run_on, tmp_path):
    """Calls of Python functions for one write: with the library's whole stack they were over a thousand."""

    async def run():
        calls = 0

        def count(_frame, event, _argument):
            nonlocal calls
            calls += event == "call"

        async with Scripted(*[FINE] * 30) as server, Client.find(server.kubeconfig(tmp_path)) as client:
            await client.patch(THINGS, ONE, {"status": {}}, subresource="status")
            sys.setprofile(count)
            try:
                for _ in range(20):
                    await client.patch(THINGS, ONE, {"status": {}}, subresource="status")
            finally:
                sys.setprofile(None)
        return calls / 20

    assert run_on(run()) < 400  # the scripted server's own are among them


def test_nobody_answers(run_on, tmp_path):
    async def run():
        async with Scripted() as server:
            path = server.kubeconfig(tmp_path)
        async with Client.find(path) as client:
            with pytest.raises(Unreachable, match=r"refused|Connect call failed"):
                await client.get(THINGS, ONE, plain)

    run_on(run())
