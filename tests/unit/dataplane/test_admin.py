"""The admin port beside a browser: who may ask, and what a strict small server refuses. Real sockets, one loop."""

from __future__ import annotations

import asyncio
import io
import json
import socket
from contextlib import suppress

import pytest

from agw.dataplane import admin
from agw.dataplane.admin import AdminServer, Request, Response, is_near, is_own_host, plain, refusal
from agw.dataplane.frames import Logging
from agw.dataplane.logs import Log
from agw.dataplane.pages import Controls, pages
from agw.dataplane.state import State
from agw.dataplane.verbosity import Verbosity, check_access_log
from agw.errors import ConfigurationError
from agw.listening import EVERYWHERE
from agw.settings import Address, Settings

GUARD = {"X-Agw-Admin": "1"}


class Server:
    """A server with the real pages on a free port, and what was asked of it."""

    def __init__(self, state=None, handler=None):
        self.drained = self.restarts = 0
        self.errors = []
        self.frames = []
        self.state = state or State(ready=True, waiting_for="")
        self.told = Verbosity(Settings.load({}), Log(stream=io.StringIO()), self.frames.append)
        handler = handler or pages(lambda: self.state, lambda: b"agw_ready 1\n", list, self.controls())
        self.server = AdminServer(handler, ("gw.example",), self.errors.append)
        self.port = 0

    def controls(self):
        return Controls(
            drain=self.drain,
            restart=self.restart,
            level=lambda: self.told.level,
            set_level=self.told.set_level,
            access_log=lambda: self.told.access_log,
            set_access_log=self.told.set_access_log,
        )

    def restart(self):
        self.restarts += 1
        return "" if self.restarts == 1 else "a restart is in progress"

    def drain(self):
        self.drained += 1

    async def __aenter__(self):
        self.port = (await self.server.start(Address("127.0.0.1", 0))).port
        return self

    async def __aexit__(self, *_):
        await self.server.close()

    async def raw(self, data):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        answer = await reader.read()
        writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        return int(lines[0].split()[1]), fields, body

    async def ask(self, path, method="GET", body=b"", **fields):
        given = {"Host": f"127.0.0.1:{self.port}", **{name.replace("_", "-"): value for name, value in fields.items()}}
        if body:
            given["Content-Length"] = str(len(body))
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value is not None)
        return await self.raw(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)


async def ask_body(server, path, method="GET"):
    status, _, body = await server.ask(path, method, **(GUARD if method == "POST" else {}))
    return status, body


def run(case):
    async def wrapped():
        async with Server() as server:
            return await case(server)

    return asyncio.run(wrapped())


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:15000",
        "127.0.0.1:15000",
        "10.1.2.3",
        "[::1]:15000",
        "[fe80::1]",
        "gw.example",
        "GW.example:1",
    ],
)
def test_hosts_that_dns_cannot_turn_are_ours(host):
    assert is_own_host(host, frozenset({"gw.example"}))


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:15000",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "x.localhost",
        "",
        ":15000",
        "::1",
        "[127.0.0.1]",
        "[::1",
        "localhost:",
        "localhost:1:2",
        "127.0.0.1:x",
        "user@localhost",
        "0x7f.1",
        "127.1",
    ],
)
def test_every_other_host_is_not(host):
    assert is_own_host(host, frozenset({"gw.example"})) is (host == "localhost:")


def test_a_rebound_name_reads_nothing():
    async def case(server):
        for path in ("/config", "/metrics", "/readyz?verbose", "/livez", "/drain"):
            status, _, body = await server.ask(path, Host="evil.example:15000")
            assert status == 421
            assert b"Host" in body

    run(case)


def test_the_level_is_shown_and_changed():
    async def case(server):
        assert await ask_body(server, "/loglevel") == (200, b"info\n")
        assert await ask_body(server, "/loglevel?level=debug", "POST") == (200, b"debug\n")
        assert await ask_body(server, "/loglevel") == (200, b"debug\n")
        assert server.frames == [Logging("debug", access_log=False)]
        for query in ("", "?level=loud", "?level=info&level=debug", "?other=info", "?level"):
            status, _ = await ask_body(server, "/loglevel" + query, "POST")
            assert status == 400, query
        assert (await server.ask("/loglevel?level=info", "POST"))[0] == 403
        assert len(server.frames) == 1

    run(case)


def test_a_restart_is_one_at_a_time():
    async def case(server):
        assert await ask_body(server, "/restart", "POST") == (202, b"restarting\n")
        assert await ask_body(server, "/restart", "POST") == (409, b"a restart is in progress\n")
        assert (await server.ask("/restart"))[0] == 405
        assert (await server.ask("/restart", "POST"))[0] == 403

    run(case)


def test_the_access_log_is_switched():
    async def case(server):
        assert await ask_body(server, "/accesslog") == (200, b"off\n")
        assert await ask_body(server, "/accesslog?log=on", "POST") == (200, b"stdout\n")
        assert await ask_body(server, "/accesslog?log=off", "POST") == (200, b"off\n")
        assert (await ask_body(server, "/accesslog?log=/etc/passwd", "POST"))[0] == 400
        assert [frame.access_log for frame in server.frames] == [True, False]

    run(case)


def test_a_file_of_the_access_log_is_looked_at_before_anything_is_served(tmp_path):
    check_access_log(Settings.load({}))
    check_access_log(Settings.load({"AGW_ACCESS_LOG": "stdout"}))
    check_access_log(Settings.load({"AGW_ACCESS_LOG": str(tmp_path / "log")}))
    assert (tmp_path / "log").stat().st_mode & 0o137 == 0
    with pytest.raises(ConfigurationError, match="AGW3008"):
        check_access_log(Settings.load({"AGW_ACCESS_LOG": str(tmp_path / "none" / "log")}))


def test_a_form_of_another_page_cannot_drain():
    async def case(server):
        host = f"127.0.0.1:{server.port}"
        form = {"Content_Type": "application/x-www-form-urlencoded"}
        for fields, status in (
            ({**form, "Origin": "https://evil.example", "Sec_Fetch_Site": "cross-site"}, 403),
            ({**form, "Origin": "null"}, 403),
            ({**form, "Origin": f"http://{host}"}, 403),  # its own page too has to send the header
            (form, 403),
            ({**GUARD, "Origin": "https://evil.example"}, 403),
            ({**GUARD, "Origin": f"http://localhost:{server.port}"}, 403),
            ({**GUARD, "Sec_Fetch_Site": "same-site"}, 403),
            ({"X_Agw_Admin": "0"}, 403),
        ):
            answer = await server.ask("/drain", "POST", b"a=b", **fields)
            assert answer[0] == status, fields
        assert server.drained == 0
        assert (await server.ask("/drain", "POST", **GUARD))[0] == 202
        assert (await server.ask("/drain", "POST", **GUARD, Origin=f"http://{host}", Sec_Fetch_Site="same-origin"))[
            0
        ] == 202
        assert server.drained == 2

    run(case)


def test_another_page_cannot_read():
    async def case(server):
        for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)):
            assert (await server.ask("/config", Sec_Fetch_Site=site))[0] == status
        assert (await server.ask("/config", Origin="http://evil.example"))[0] == 403

    run(case)


def test_a_preflight_is_granted_nothing():
    async def case(server):
        status, fields, _ = await server.ask(
            "/drain",
            "OPTIONS",
            Origin="https://evil.example",
            Access_Control_Request_Method="POST",
            Access_Control_Request_Headers="x-agw-admin",
        )
        assert status == 405
        assert not any(name.startswith("access-control") for name in fields)

    run(case)


def test_every_answer_is_safe_in_a_browser():
    async def case(server):
        for path in ("/livez", "/readyz", "/metrics", "/config", "/nowhere"):
            _, fields, _ = await server.ask(path)
            assert fields["x-content-type-options"] == "nosniff"
            assert fields["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
            assert fields["cache-control"] == "no-store"
            assert fields["connection"] == "close"
            assert not any(name.startswith("access-control") for name in fields)

    run(case)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /livez HTTP/1.1\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400),
        (b"GET http://localhost/livez HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (
            b"GET /livez HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nOrigin: http://localhost\r\n\r\n",
            403,
        ),
        (b"GET /livez HTTP/1.1\r\nHost: localhost\r\n" + b"A: b\r\n" * admin.MAX_FIELDS + b"\r\n", 431),
        (b"GET /livez HTTP/1.1\r\nHost: localhost\r\nA: " + b"b" * admin.MAX_REQUEST + b"\r\n\r\n", 413),
        (
            b"POST /drain HTTP/1.1\r\nHost: localhost\r\nX-Agw-Admin: 1\r\nContent-Length: 99999\r\n\r\n"
            + b"x" * 20_000,
            413,
        ),
        (b"POST /livez HTTP/1.1\r\nHost: localhost\r\nX-Agw-Admin: 1\r\n\r\n", 405),
        (b"GET /drain HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        (b"PUT /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        (b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
    ],
)
def test_what_a_strict_server_answers(request_, status):
    async def case(server):
        assert (await server.raw(request_))[0] == status

    run(case)


def test_a_head_in_pieces_is_one_request_and_only_one_is_answered():
    async def case(server):
        request = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        for at in range(len(request)):
            writer.write(request[at : at + 1])
            await asyncio.sleep(0)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        assert answer.count(b"HTTP/1.1 200") == 1

    run(case)


def test_head_has_the_length_and_no_body():
    async def case(server):
        status, fields, body = await server.ask("/livez", "HEAD")
        assert (status, fields["content-length"], body) == (200, "3", b"")

    run(case)


def test_silence_is_answered_at_the_deadline(monkeypatch):
    monkeypatch.setattr(admin, "REQUEST_DEADLINE", 0.01)
    assert run(lambda server: server.raw(b"GET /li"))[0] == 408


def test_connections_are_bounded(monkeypatch):
    monkeypatch.setattr(admin, "MAX_CONNECTIONS", 1)

    async def case(server):
        first = await asyncio.open_connection("127.0.0.1", server.port)
        second = await asyncio.open_connection("127.0.0.1", server.port)
        with suppress(ConnectionError):
            assert await first[0].read() == b""
        second[1].write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"200 OK" in await second[0].read()
        for _, writer in (first, second):
            writer.close()

    run(case)


@pytest.mark.parametrize("addresses", [1, 5, 100], ids=["its own", "a few others", "many others"])
def test_nobody_keeps_a_probe_out(addresses):
    """However many sit there and say nothing: the kubelet restarts a pod that does not answer it."""

    async def case(server):
        silent = []
        for number in range(100):
            source = f"127.0.0.{2 + number % addresses}" if addresses > 1 else "127.0.0.1"
            silent.append(await asyncio.open_connection("127.0.0.1", server.port, local_addr=(source, 0)))
        for _ in range(3):
            assert (await server.ask("/livez"))[0] == 200
        for _, writer in silent:
            writer.close()

    run(case)


@pytest.mark.parametrize("host", ["::", "", "0.0.0.0"])
def test_every_address_is_of_both_families(host):
    async def case():
        seen = []
        server = AdminServer(lambda request: seen.append(request.near) or plain(200, "ok"), (), print)
        port = (await server.start(Address(host, 0))).port
        families = ["127.0.0.1", "::1"] if socket.has_dualstack_ipv6() and host in EVERYWHERE else ["127.0.0.1"]
        for address in families:
            reader, writer = await asyncio.open_connection(address, port)
            writer.write(b"GET /config HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b" 200 OK" in await reader.read()
            writer.close()
        assert seen == [True] * len(families)
        await server.close()

    asyncio.run(case())


def test_a_fault_in_a_page_is_a_500_without_detail():
    def broken(_request):
        raise ValueError("a secret")

    async def case():
        async with Server(handler=broken) as server:
            status, _, body = await server.ask("/livez")
            assert (status, b"secret" in body) == (500, False)
            assert [str(error) for error in server.errors] == ["a secret"]

    asyncio.run(case())


def test_a_busy_port_names_its_owner():
    async def case(server):
        with pytest.raises(ConfigurationError, match="is in use by process"):
            await AdminServer(lambda _: plain(200, ""), (), print).start(Address("127.0.0.1", server.port))

    run(case)


def test_config_is_json():
    status, fields, body = run(lambda server: server.ask("/config"))
    assert (status, fields["content-type"]) == (200, "application/json")
    assert json.loads(body)["entries"] == {}


def test_refusal_is_a_decision_on_a_value():
    assert refusal(Request("GET", "/", headers={"host": ("localhost",)}), frozenset()) is None
    assert refusal(Request("GET", "/", headers={"host": ("localhost", "localhost")}), frozenset()) == Response(
        400, b"exactly one Host is needed\n"
    )


class TestOtherMachines:
    """In a pod every other pod can reach the port."""

    @pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
    def test_health_and_metrics_can_be_read(self, path):
        assert refusal(Request("GET", path, headers={"host": ("10.0.0.7:15000",)}, near=False), frozenset()) is None

    @pytest.mark.parametrize(("method", "path"), [("GET", "/config"), ("POST", "/drain"), ("POST", "/livez")])
    def test_nothing_else_can(self, method, path):
        headers = {"host": ("10.0.0.7:15000",), "x-agw-admin": ("1",)}
        answer = refusal(Request(method, path, headers=headers, near=False), frozenset())
        assert answer is not None
        assert answer.status == 403
        assert refusal(Request(method, path, headers=headers), frozenset()) is None

    @pytest.mark.parametrize(
        ("peer", "near"),
        [(("127.0.0.1", 1), True), (("127.9.9.9", 1), True), (("::1", 1, 0, 0), True), (("::ffff:127.0.0.1", 1), True),
         (("10.0.0.1", 1), False), (("::ffff:10.0.0.1", 1), False), (("fe80::1%eth0", 1), False), (None, False), ("", False)],
    )  # fmt: skip
    def test_who_is_near(self, peer, near):
        assert is_near(peer) is near
