"""The configurations that the rig writes for the proxies."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from bench import RigError
from bench.manifests import key_ring
from bench.peers import PEERS, Peer, Setup, agw, choose, haproxy, nginx, version_in
from bench.scenario import KEYS

SETUPS = {
    "bare": {},
    "keys": {"keys": KEYS},
    "many keys": {"keys": key_ring(100_000)},
    "routes": {"routes": 10_000},
    "all": {"routes": 250, "keys": KEYS, "streams": True, "workers": 2},
}


@pytest.mark.parametrize("wanted", SETUPS)
def test_nginx_accepts_its_configuration(tmp_path, wanted):
    if PEERS["nginx"].missing():
        pytest.skip("nginx is not installed")
    argv = nginx(Setup(tmp_path, 18080, 19999, **SETUPS[wanted]))
    done = subprocess.run([*argv, "-t"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr


@pytest.mark.parametrize("wanted", SETUPS)
def test_haproxy_accepts_its_configuration(tmp_path, wanted):
    if PEERS["haproxy"].missing():
        pytest.skip("haproxy is not installed")
    argv = haproxy(Setup(tmp_path, 18080, 19999, **SETUPS[wanted]))
    done = subprocess.run([*argv, "-c"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


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


def test_routes_are_told_apart_only_when_wanted(tmp_path):
    assert "fleet" not in "".join(configured(tmp_path).values())
    routed = configured(tmp_path, routes=101)
    assert routed["nginx.conf"].count("server_name ") == 2
    assert routed["nginx.conf"].count("location ") == 101
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
        ("unknown\nmore", "unknown"),
    ],
)
def test_version_in(text, version):
    assert version_in(text) == version


def test_relay_needs_nothing_installed():
    assert not PEERS["relay"].missing()
    assert shutil.which("taskset")
