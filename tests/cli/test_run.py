"""`agw run` for real: files that change, an agent without files, and how it ends."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.agents import CARD_PATH, Agent, agent
from tests.cli.gateways import ROOT, Running, agw, get, running
from tests.ports import free_port

SEED = ROOT / "examples" / "seed"


@pytest.fixture
def up() -> Iterator[Agent]:
    with agent() as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SEED, tmp_path / "gateway"))


def serve(folder: Path, up: Agent, *more: str) -> tuple[str, ...]:
    resolve = f"demo-a2a-agent-server:9999={up.authority}"
    return ("-f", str(folder), "--listen", f"80=127.0.0.1:{free_port()}", "--resolve", resolve, *more)


def status(gateway: Running, key: str = "") -> int:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return get(gateway.url + "/", **headers)[0]


def test_the_seed_is_served_and_ctrl_c_ends_it_cleanly(folder: Path, up: Agent) -> None:
    with running(*serve(folder, up)) as gateway:
        started = gateway.until_started()
        assert "<key of consumer key1>" in started["try"]
        assert [status(gateway), status(gateway, "key-value-foo"), status(gateway, "key-value-bar")] == [401, 200, 200]
        assert len(up.seen) == 3  # the banner asked for the card
        assert up.seen[-1] == ("/", None)  # the key stays here
        code, said = gateway.stop(signal.SIGINT)
    assert code == 0
    assert "Traceback" not in said
    assert "AGW2040" not in said
    assert "skipped Deployment demo-a2a" in said
    assert "key-value" not in said


def test_a_key_that_is_taken_out_is_refused_and_one_that_is_put_in_let_in(folder: Path, up: Agent) -> None:
    secret = folder / "a2a-api-key.yaml"
    with running(*serve(folder, up)) as gateway:
        gateway.until_started()
        assert status(gateway, "key-value-foo") == 200
        text = secret.read_text(encoding="utf-8")
        secret.write_text(text.replace("key1: 'key-value-foo'", "key3: 'key-value-baz'"), encoding="utf-8")
        assert 'objects="+0 ~1 -0"' in gateway.until("generation=2")
        gateway.until("in force")
        assert status(gateway, "key-value-foo") == 401
        assert status(gateway, "key-value-baz") == 200


def test_a_broken_file_changes_nothing_and_is_told_once(folder: Path, up: Agent) -> None:
    broken = folder / "broken.yaml"
    with running(*serve(folder, up)) as gateway:
        gateway.until_started()
        assert gateway.readyz()[0] == 200
        broken.write_text("kind: [\n", encoding="utf-8")
        assert "broken.yaml:" in gateway.until("AGW101")
        gateway.until("configuration refused")
        assert status(gateway, "key-value-foo") == 200
        ready, body = gateway.readyz()
        assert ready == 200
        assert "broken.yaml" in body
        os.utime(broken)  # the same again
        (folder / "other.yaml").write_text("", encoding="utf-8")
        broken.unlink()
        gateway.until("in force")
        assert "broken.yaml" not in gateway.readyz()[1]
        _, said = gateway.stop()
    assert said.count("configuration refused") == 1


def test_a_warning_that_stays_is_told_once(folder: Path, up: Agent) -> None:
    secret = folder / "a2a-api-key.yaml"
    text = secret.read_text(encoding="utf-8").replace("key2: 'key-value-bar'", "key2: 'key-value-foo'")
    secret.write_text(text, encoding="utf-8")
    with running(*serve(folder, up)) as gateway:
        gateway.until_started()
        (folder / "more.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n", encoding="utf-8")
        assert 'objects="+1 ~0 -0"' in gateway.until("generation=2")
        gateway.until("in force")
        _, said = gateway.stop()
    assert said.count("warning AGW2072") == 1, said


def test_a_folder_that_goes_and_comes_back_is_followed(folder: Path, up: Agent) -> None:
    other = folder.parent / "other"
    shutil.copytree(SEED, other)
    secret = other / "a2a-api-key.yaml"
    secret.write_text(secret.read_text(encoding="utf-8").replace("key-value-foo", "key-value-new"), encoding="utf-8")
    with running(*serve(folder, up)) as gateway:
        gateway.until_started()
        shutil.rmtree(folder)
        gateway.until("configuration refused")
        assert status(gateway, "key-value-foo") == 200
        other.rename(folder)
        gateway.until("in force")
        assert [status(gateway, "key-value-foo"), status(gateway, "key-value-new")] == [401, 200]


@pytest.mark.parametrize("watch", ["auto", "poll", "off"])
def test_sighup_reads_again_whatever_is_watched(folder: Path, up: Agent, watch: str) -> None:
    with running(*serve(folder, up, "--watch", watch)) as gateway:
        gateway.until_started()
        (folder / "a2a-api-key.yaml").unlink()
        gateway.process.send_signal(signal.SIGHUP)
        assert "-2" in gateway.until("generation=2")
        gateway.until("in force")
        assert status(gateway) == 200


def test_one_agent_without_files_and_with_a_key(tmp_path: Path, up: Agent) -> None:
    saved = tmp_path / "gw"
    listen = ("--listen", f"80=127.0.0.1:{free_port()}")
    args = ("--agent", f"http://{up.authority}", "--key", "alice", "--write", str(saved))
    with running(*args, *listen) as gateway:
        assert gateway.process.stdout is not None
        assert "found Echo Agent 7" in gateway.until("found")
        started = gateway.until_started()
        key = gateway.process.stdout.readline().strip()
        assert started["try"].count("<key of consumer alice>") == 1
        assert [status(gateway), status(gateway, "wrong"), status(gateway, key)] == [401, 401, 200]
        code, card, body = get(gateway.url + CARD_PATH, Authorization=f"Bearer {key}")
        assert code == 200, card
        assert f'"{gateway.url}/"' in body
        assert up.authority not in body
        code, said = gateway.stop()
    assert code == 0
    assert key not in said
    assert not any(key in path.read_text(encoding="utf-8") for path in saved.iterdir())
    checked = agw("check", "--strict", "-f", str(saved))
    assert checked.returncode == 0, checked.stdout
    with running("-f", str(saved), *listen) as gateway:
        gateway.until_started()
        assert [status(gateway), status(gateway, key)] == [401, 200]
    again = agw("run", *args, *listen)
    assert again.returncode == 1
    assert "already there, with other content" in again.stderr


def test_an_agent_under_a_path_is_served_under_it() -> None:
    listen = ("--listen", f"80=127.0.0.1:{free_port()}")
    with agent("/agents/echo") as up, running("--agent", f"http://{up.authority}/agents/echo", *listen) as gateway:
        started = gateway.until_started()
        assert started["try"] == f"curl {gateway.url}/agents/echo{CARD_PATH}"
        code, _, body = get(gateway.url + "/agents/echo" + CARD_PATH)
        assert code == 200
        assert f'"{gateway.url}/agents/echo/"' in body
        assert get(gateway.url + "/elsewhere")[0] == 404


@pytest.mark.parametrize(("address", "warned"), [("0.0.0.0", True), ("127.0.0.1", False)])
def test_an_open_listener_without_a_key_is_warned_of(up: Agent, address: str, *, warned: bool) -> None:
    with running("--agent", f"http://{up.authority}", "--listen", f"80={address}:{free_port()}") as gateway:
        gateway.until_started()
        assert any("ask for a key with --key NAME" in line for line in gateway.heard) is warned
