"""`agw demo`: the conversation, whose count the gateway confirms, and what it says where the SDK is not installed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agw.cli.demo import count_requests
from tests.cli.gateways import agw
from tests.cli.test_terminal import on_terminal


def test_the_conversation_goes_through_the_gateway() -> None:
    pytest.importorskip("a2a")
    pytest.importorskip("uvicorn")
    done = agw("demo", "--once")
    assert done.returncode == 0, done.stdout + done.stderr
    steps = [line for line in done.stdout.splitlines() if line.startswith(("ok", "FAIL"))]
    assert len(steps) == 8
    assert all(line.startswith("ok") for line in steps)
    assert "the client sent 7 requests, the gateway counted 7" in steps[-1]
    assert "no key" in steps[0]
    assert "HTTP 401" in steps[0]


def test_it_goes_on_serving_until_ctrl_c_and_leaves_nothing_behind() -> None:
    pytest.importorskip("a2a")
    pytest.importorskip("uvicorn")
    code, said = on_terminal("demo", until="This gateway is")
    assert code == 0
    assert "Traceback" not in said
    assert "curl -H 'Authorization: Bearer key-value-foo'" in said


def test_without_the_sdk_it_says_the_one_command(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['a2a'] = None\n")
    path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
    done = agw("demo", PYTHONPATH=f"{path}{os.pathsep}.")
    assert done.returncode == 1
    assert "pip install 'agw-gateway[demo]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_gateways_count_is_the_sum_over_the_exposition() -> None:
    text = (
        '# TYPE agw_requests_total counter\nagw_requests_total{a="b"} 3\nagw_requests_total 4\nagw_requests_total_x 9\n'
    )
    assert count_requests(text) == 7
