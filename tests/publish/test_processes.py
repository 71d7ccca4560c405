"""Controllers and data planes that are killed and started again, under traffic: no request notices."""

from __future__ import annotations

import signal
import subprocess
import sys

import msgspec
import pytest

from tests.processes.gateway import ROOT, agent, entries, eventually
from tests.publish.fleet import GATEWAY, environment, fleet, traffic

RULE = "rule/HTTPRoute/default/r/0"


def test_a_controller_that_is_killed_and_comes_back_costs_nothing(tmp_path):
    with agent() as upstream, fleet(tmp_path) as all_of_it:
        first = all_of_it.replica()
        current = entries(upstream.port)
        first.lead(current)
        proxy = all_of_it.proxy()
        proxy.wait_ready("from the controller; connected to the controller at 127.0.0.1")
        first.wait(lambda each: each["version"] == 1, "it is in force")
        with traffic(proxy.port, "/a"):
            for number, path in enumerate(("/a", "/", "/a")):
                all_of_it.replicas[-1].end(signal.SIGTERM if number == 1 else signal.SIGKILL)
                proxy.wait_ready("from the controller; not connected to the controller (")
                replica = all_of_it.replica()
                proxy.wait_ready("is not the leader")
                replica.lead(current)
                replica.wait(lambda each: each["version"] == 1, "nothing is new")
                current = entries(upstream.port, path=path)
                replica.publish(current)
                replica.wait(lambda each: each["version"] == 2, "something is new")
        # A restart sent nothing: the first configuration, and one change after each.
        assert "generation 4 in force" in proxy.wait_ready()


def test_a_data_plane_starts_without_a_controller(tmp_path):
    with agent() as upstream, fleet(tmp_path) as all_of_it:
        replica = all_of_it.replica()
        replica.lead(entries(upstream.port, path="/old"))
        proxy = all_of_it.proxy()
        replica.wait(lambda each: each["version"] == 1, "it is in force")
        replica.publish(entries(upstream.port, path="/a"))
        replica.wait(lambda each: each["version"] == 2, "it is in force")
        replica.end()
        assert proxy.end() == 0
        assert proxy.copy.stat().st_mode & 0o777 == 0o600
        proxy.start()
        proxy.wait_ready("from the copy on disk; not connected to the controller (")
        assert (proxy.get("/a"), proxy.get("/old")) == (200, 404)
        proxy.kill()
        proxy.start()
        proxy.wait_ready("from the copy on disk")
        with traffic(proxy.port, "/a"):
            second = all_of_it.replica()
            second.lead(entries(upstream.port, path="/a"))
            proxy.wait_ready("from the controller; connected")
            second.wait(lambda each: each["version"] == 1, "it is in force")
            second.publish(entries(upstream.port, path="/"))
            second.wait(lambda each: each["version"] == 2, "it is in force")


@pytest.mark.parametrize("damage", [b"", b"agw-saved 1 nonsense\n", b"\0" * 4096])
def test_a_damaged_copy_is_a_warning_and_no_end(tmp_path, damage):
    with agent() as upstream, fleet(tmp_path) as all_of_it:
        replica = all_of_it.replica()
        proxy = all_of_it.proxy()
        replica.lead(entries(upstream.port))
        replica.wait(lambda each: each["version"] == 1, "it is in force")
        replica.end()
        assert proxy.end() == 0
        proxy.copy.write_bytes(damage)
        proxy.start()
        second = all_of_it.replica()
        eventually_not_ready(proxy)
        second.lead(entries(upstream.port))
        proxy.wait_ready("from the controller; connected")
        assert proxy.get("/") == 200
        assert "the copy of the last configuration is not used" in proxy.log.read_text()


def eventually_not_ready(proxy):
    eventually(lambda: proxy.ready()[0] == 503, "it is up, and not ready")
    status, text = proxy.ready()
    assert status == 503
    assert text.startswith("not ready: waiting for the first configuration")
    assert "none yet; " in text


def test_what_workers_refuse_is_told_to_the_controller_and_changes_nothing(tmp_path):
    with agent() as upstream, fleet(tmp_path) as all_of_it:
        replica = all_of_it.replica()
        good = entries(upstream.port)
        replica.lead(good)
        proxy = all_of_it.proxy()
        proxy.wait_ready()
        with traffic(proxy.port, "/a"):
            bad = {**good, RULE: msgspec.structs.replace(good[RULE], request_timeout_ms=1 << 63)}
            replica.publish(bad)
            told = replica.wait(lambda each: each["event"] == "refused", "it is refused")
            assert (told["version"], told["refused"]) == (1, 2)
            assert "the workers refuse the configuration" in told["reason"]
            assert "OverflowError" in told["reason"]
            replica.publish(entries(upstream.port, path="/a"))
            replica.wait(lambda each: (each["version"], each["refused"]) == (3, 0), "it is mended")
        assert (proxy.get("/a"), proxy.get("/b")) == (200, 404)


def test_a_wrong_token_is_told_and_a_rotated_one_is_read(tmp_path):
    with agent() as upstream, fleet(tmp_path) as all_of_it:
        (tmp_path / "token").write_text("wrong")
        replica = all_of_it.replica()
        replica.lead(entries(upstream.port))
        proxy = all_of_it.proxy()
        eventually(lambda: "the token is not known" in proxy.ready()[1], "it is told")
        (tmp_path / "token").write_text("rotated")
        all_of_it.know("rotated")
        proxy.wait_ready("connected to the controller")
        assert proxy.get("/") == 200


def test_a_second_try_now_is_a_signal_away(tmp_path):
    with agent() as upstream, fleet(tmp_path) as all_of_it:
        proxy = all_of_it.proxy()
        eventually(lambda: "not connected to the controller" in proxy.ready()[1], "it is up")
        proxy.process.send_signal(signal.SIGHUP)
        all_of_it.replica().lead(entries(upstream.port))
        proxy.wait_ready("connected to the controller")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ((), "Missing option"),
        (("--controller=:9",), "must be HOST:PORT"),
        (("--controller=x",), "must be HOST:PORT"),
        (("--controller=x:0",), "must be HOST:PORT"),
        (("--controller=x:1", "--gateway=gw"), "must be NAMESPACE/NAME"),
        (("--controller=x:1", "--gateway=a/../b"), "must be NAMESPACE/NAME"),
        (("--controller=x:1", f"--gateway={GATEWAY}", "--workers=x"), "--workers 'x'"),
    ],
)
def test_wrong_usage_ends_with_two(flags, said):
    given = [*flags, "--token=t", "--ca=c", "--state-dir=s"]
    if flags and not any(flag.startswith("--gateway") for flag in flags):
        given.append(f"--gateway={GATEWAY}")
    ended = subprocess.run(
        [sys.executable, "-m", "agw", "proxy", *given],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert said in ended.stderr
