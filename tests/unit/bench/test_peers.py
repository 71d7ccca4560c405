"""The configurations that the rig writes for the proxies."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from bench import RigError
from bench.peers import PEERS, Peer, Setup, agw, choose, haproxy, haproxy_config, nginx, nginx_config, version_in
from bench.scenario import KEYS


@pytest.mark.parametrize("auth", [False, True])
def test_nginx_accepts_its_configuration(tmp_path, auth):
    if PEERS["nginx"].missing():
        pytest.skip("nginx is not installed")
    argv = nginx(Setup(tmp_path, 18080, 19999, auth=auth))
    done = subprocess.run([*argv, "-t"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("auth", [False, True])
def test_haproxy_accepts_its_configuration(tmp_path, auth):
    if PEERS["haproxy"].missing():
        pytest.skip("haproxy is not installed")
    argv = haproxy(Setup(tmp_path, 18080, 19999, auth=auth))
    done = subprocess.run([*argv, "-c"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("render", [haproxy_config, lambda setup: nginx_config(setup, root=False)])
def test_keys_are_checked_only_when_wanted(render):
    assert not any(key in render(Setup(Path("/x"), 1, 2)) for key in KEYS)
    assert all(key in render(Setup(Path("/x"), 1, 2, auth=True)) for key in KEYS)


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
