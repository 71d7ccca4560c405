"""The health port's answers."""

import asyncio
import socket

import pytest

from agw.controller.health import Page, answer, serve
from agw.controller.metrics import Metrics

PAGES = {"/livez": lambda: Page(200, "ok\n"), "/readyz": lambda: Page(503, "starting\n")}


@pytest.mark.parametrize(
    ("head", "status", "body"),
    [
        (b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", b"200 OK", b"ok\n"),
        (b"GET /livez?verbose HTTP/1.1\r\n\r\n", b"200 OK", b"ok\n"),
        (b"HEAD /livez HTTP/1.1\r\n\r\n", b"200 OK", b""),
        (b"GET /readyz HTTP/1.0\r\n\r\n", b"503 Service Unavailable", b"starting\n"),
        (b"GET /other HTTP/1.1\r\n\r\n", b"404 Not Found", b"there are /livez, /readyz\n"),
        (b"POST /livez HTTP/1.1\r\n\r\n", b"405 Method Not Allowed", b"GET and HEAD only\n"),
        (b"hello\r\n\r\n", b"400 Bad Request", b"not HTTP/1\n"),
    ],
)
def test_answers(head, status, body):
    found, _, content = answer(head, PAGES).partition(b"\r\n\r\n")
    assert found.split(b"\r\n")[0] == b"HTTP/1.1 " + status
    assert content == body


def test_a_socket():
    async def scenario():
        server = await serve("127.0.0.1", 0, PAGES)
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /livez HTTP/1.1\r\n\r\n")
        assert (await reader.read()).endswith(b"\r\n\r\nok\n")
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"x" * 20_000)
        assert await reader.read() == b""
        writer.close()
        server.close()
        await server.wait_closed()

    asyncio.run(scenario())


async def ask(port, address="127.0.0.1"):
    reader, writer = await asyncio.open_connection(address, port)
    writer.write(b"GET /livez HTTP/1.1\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize("addresses", [1, 5, 100], ids=["its own", "a few others", "many others"])
def test_nobody_keeps_a_probe_out(addresses):
    async def scenario():
        server = await serve("127.0.0.1", 0, PAGES)
        port = server.sockets[0].getsockname()[1]
        silent = []
        for number in range(100):
            source = f"127.0.0.{2 + number % addresses}" if addresses > 1 else "127.0.0.1"
            silent.append(await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0)))
        for _ in range(3):
            assert b" 200 OK" in await ask(port)
        for _, writer in silent:
            writer.close()
        server.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("host", ["", "::"])
def test_every_address_is_of_both_families(host):
    async def scenario():
        server = await serve(host, 0, PAGES)
        port = server.sockets[0].getsockname()[1]
        for address in ["127.0.0.1", "::1"] if socket.has_dualstack_ipv6() else ["127.0.0.1"]:
            assert b" 200 OK" in await ask(port, address)
        server.close()

    asyncio.run(scenario())


def test_metrics_are_prometheus_text():
    from prometheus_client.parser import text_string_to_metric_families

    metrics = Metrics(lambda: {"agw_controller_leader": {"": 1}, "agw_controller_pending": {"status": 3}})
    metrics.count("agw_controller_status_writes_total", kind="HTTPRoute", result="ok")
    metrics.count("agw_controller_status_writes_total", 2, kind="Gateway", result="ok")
    found = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(metrics.text())
        for sample in family.samples
    }
    assert found["agw_controller_leader",] == 1
    assert found["agw_controller_pending", ("queue", "status")] == 3
    assert found["agw_controller_status_writes_total", ("kind", "Gateway"), ("result", "ok")] == 2
    assert metrics.value("agw_controller_status_writes_total", result="ok") == 3
