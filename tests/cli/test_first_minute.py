"""The mistakes of a newcomer's first minute: each is rehearsed, with what they read and the exit code."""

from __future__ import annotations

import json
import os
import shutil
import socket
from pathlib import Path

import pytest

from tests.cli.agents import CARD_PATH, agent
from tests.cli.gateways import ROOT, agw, get, running
from tests.ports import free_port

SEED = ROOT / "examples" / "seed"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the seed that may be broken."""
    return Path(shutil.copytree(SEED, tmp_path / "gateway"))


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_agent_is_not_up() -> None:
    down = f"127.0.0.1:{free_port()}"
    with running("--agent", f"http://{down}", "--listen", f"80=127.0.0.1:{free_port()}") as gateway:
        warning = gateway.until("warning:")
        assert f"http://{down} does not answer (Connection refused)" in warning
        assert "503 until it is up" in warning
        gateway.until_started()
        route = next(event for event in gateway.banner if event["event"] == "route")
        assert route["trouble"] == "the agent does not answer now: Connection refused"
        assert get(gateway.url + CARD_PATH)[0] == 503


def test_the_port_is_taken(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = agw("run", "-f", str(folder), "--listen", f"80={address}", "--admin", "127.0.0.1:0")
    assert done.returncode == 1
    assert f"{address} is in use by process {os.getpid()}" in done.stderr
    assert "--listen 80=127.0.0.1:OTHER" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_admin_port_is_taken(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = agw("run", "-f", str(folder), "--listen", "80=127.0.0.1:0", "--admin", address)
    assert done.returncode == 1
    assert "AGW3005" in done.stderr
    assert address in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("verb", ["run", "check"])
def test_the_path_is_mistyped(verb: str, folder: Path) -> None:
    done = agw(verb, "-f", str(folder.parent / "gatewy"))
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert "AGW1001: cannot be read: No such file or directory" in said
    assert f"did you mean {folder}?" in said


def test_the_path_has_no_manifests(tmp_path: Path) -> None:
    done = agw("check", "-f", str(tmp_path))
    assert done.returncode == 0
    assert "AGW1004" in done.stdout
    assert agw("check", "-f", str(tmp_path), "--strict").returncode == 1


def test_the_routes_hostname_is_another(folder: Path) -> None:
    change(folder / "a2a-gateway.yaml", "  parentRefs:", "  hostnames: [agents.example.com]\n  parentRefs:")
    done = agw("explain", "-f", str(folder), "GET", "http://127.0.0.1:8080/")
    assert done.returncode == 1
    assert "answers 404: no rule on listener http matches" in done.stdout
    assert "agents.example.com" in done.stdout
    args = ("GET", "http://127.0.0.1:8080/", "-H", "Host: agents.example.com", "-H", "X-API-Key: key-value-foo")
    done = agw("explain", "-f", str(folder), *args, "--resolve", "demo-a2a-agent-server:9999=127.0.0.1:9999")
    assert done.returncode == 0, done.stdout
    assert "consumer  key1" in done.stdout
    assert "key-value-foo" not in done.stdout


def test_the_secret_is_in_another_namespace(folder: Path) -> None:
    change(
        folder / "a2a-api-key.yaml",
        "  name: a2a-api-key\nstringData",
        "  name: a2a-api-key\n  namespace: x\nstringData",
    )
    done = agw("check", "-f", str(folder))
    assert done.returncode == 1
    assert "a2a-api-key.yaml:" in done.stdout
    assert "AGW2063" in done.stdout
    done = agw("explain", "-f", str(folder), "GET", "http://127.0.0.1/", "-H", "X-API-Key: key-value-foo", "-o", "json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["status"] in {401, 500}


def test_the_class_is_someone_elses(folder: Path) -> None:
    change(folder / "a2a-gateway.yaml", "gatewayClassName: ack-agent-gateway", "gatewayClassName: nginx")
    done = agw("check", "-f", str(folder))
    assert done.returncode == 1
    assert "AGW2001" in done.stdout
    assert "there is no GatewayClass nginx" in done.stdout


def test_the_key_ends_with_a_newline(folder: Path) -> None:
    change(folder / "a2a-api-key.yaml", "key1: 'key-value-foo'", 'key1: "key-value-foo\\n"')
    done = agw("check", "-f", str(folder))
    assert "AGW2071" in done.stdout
    assert "key-value-foo" not in done.stdout


def test_the_agent_is_behind_https() -> None:
    done = agw("run", "--agent", "https://localhost:9999")
    assert done.returncode == 2
    assert "does not speak TLS to agents yet" in done.stderr
    assert "http://HOST:PORT" in done.stderr


@pytest.mark.parametrize("url", ["ftp://localhost", "http://localhost:notaport", "http://u:p@localhost", "http://"])
def test_the_url_is_no_agents(url: str) -> None:
    done = agw("run", "--agent", url)
    assert done.returncode == 2
    assert "'--agent'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_agent_has_no_card() -> None:
    listen = f"80=127.0.0.1:{free_port()}"
    with agent("/somewhere") as up, running("--agent", f"http://{up.authority}", "--listen", listen) as gateway:
        assert "has no agent card" in gateway.until("warning:")
        gateway.until_started()


def test_a_file_is_broken_at_the_start(folder: Path) -> None:
    (folder / "more.yaml").write_text("a: [1\n", encoding="utf-8")
    done = agw("run", "-f", str(folder))
    assert done.returncode == 1
    assert "more.yaml:" in done.stderr
    assert "nothing is served" in done.stderr
    assert done.stdout == ""
