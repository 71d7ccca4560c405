"""Fixtures of a Kubernetes API server, found by the usual conventions; loaded by tests/conftest.py for all tests.

KUBECONFIG names a server that is there already; else KUBEBUILDER_ASSETS names a folder with etcd and kube-apiserver,
and one pair is started for the whole session. Where there is neither, tests that ask for one are skipped, and the end
of the run says so in one loud line: a green run without them proves less than it seems to.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster import apiserver as server

NONE = "no Kubernetes API server: set KUBECONFIG, or KUBEBUILDER_ASSETS to a folder with etcd and kube-apiserver"


def pytest_terminal_summary(terminalreporter):
    # Counted from the reports: with several processes nothing else of theirs is here.
    count = sum(NONE in str(report.longrepr) for report in terminalreporter.stats.get("skipped", []))
    if count:
        terminalreporter.write_line(f"!!! {count} TESTS AGAINST KUBERNETES DID NOT RUN: {NONE}", red=True, bold=True)


@pytest.fixture(scope="session")
def _session_server(tmp_path_factory):
    """The session's own server, None where the programs are not there."""
    programs = server.assets()
    if programs is None:
        yield None
        return
    with server.running(tmp_path_factory.mktemp("apiserver"), programs) as started:
        yield started


@pytest.fixture
def kubeconfig(request) -> Path:
    """An administrator's kubeconfig of a server that all tests share: use namespaces of your own."""
    given = os.environ.get("KUBECONFIG")
    if given:
        return Path(given)
    started = request.getfixturevalue("_session_server")
    if started is None:
        pytest.skip(NONE)
    return started.kubeconfig


@pytest.fixture
def apiserver(request) -> server.ApiServer:
    """The server that the session started, never one that KUBECONFIG names. Shared: do not stop it."""
    started = request.getfixturevalue("_session_server")
    if started is None:
        pytest.skip(NONE)
    return started


@pytest.fixture(scope="module")
def _module_server(tmp_path_factory):
    programs = server.assets()
    if programs is None:
        yield None
        return
    with server.running(tmp_path_factory.mktemp("own-apiserver"), programs) as started:
        yield started


@pytest.fixture
def own_apiserver(request) -> server.ApiServer:
    """A server of this module's own, which a test may stop, start again and compact. It leaves it running."""
    started = request.getfixturevalue("_module_server")
    if started is None:
        pytest.skip(NONE)
    if not started.ready():
        started.start()
    return started


@pytest.fixture
def unique() -> Callable[[str], str]:
    """A name that no other test has."""
    return lambda prefix="t": f"{prefix}-{uuid.uuid4().hex[:10]}"
