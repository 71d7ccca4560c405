"""The cluster of these tests: only where it was asked for, since they install and delete things in it."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest


@pytest.fixture(scope="session", autouse=True)
def cluster(request: pytest.FixtureRequest) -> None:
    """Skip everything here where no cluster was given; fail where one was and does not answer."""
    if not request.config.getoption("--cluster"):
        pytest.skip("NOT RUN ON A CLUSTER: these need --cluster, and KUBECONFIG or the folder AGW_CLUSTER: make e2e")
    assert os.environ.get("KUBECONFIG"), "--cluster needs KUBECONFIG: these tests take no default that they could harm"
    assert shutil.which("kubectl"), "kubectl is not in PATH"
    assert shutil.which("helm"), "helm is not in PATH"
    subprocess.run(["kubectl", "get", "--raw", "/readyz"], check=True, capture_output=True, timeout=30)
