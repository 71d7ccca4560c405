"""Runs helm: found in PATH, or in the folder of KUBEBUILDER_ASSETS; tests that need it are skipped where it is not."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "ack-agent-gateway"
RELEASE = "ack-agent-gateway"
# The cluster that templates are rendered for, so that what a newer helm believes by itself changes nothing.
KUBE_VERSION = "1.34.0"


def program() -> str:
    """Path of helm; skips the test where there is none."""
    assets = os.environ.get("KUBEBUILDER_ASSETS", "")
    found = shutil.which("helm") or (assets and shutil.which("helm", path=assets))
    if not found:
        pytest.skip("THE CHART IS NOT TESTED: there is no helm in PATH or in the folder of KUBEBUILDER_ASSETS")
    return found


def helm(*arguments: str | Path, code: int | None = 0, kubeconfig: str | Path = os.devnull) -> str:
    """Run helm without any configuration of the user; give both streams' text. code: None = any."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HELM_")}
    done = subprocess.run(
        [program(), *arguments],
        cwd=ROOT,
        env=environment | {"KUBECONFIG": str(kubeconfig)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert code is None or done.returncode == code, done.stdout
    return done.stdout


def template(*arguments: str | Path, code: int | None = 0) -> str:
    """Render the chart as the documentation installs it."""
    release = ("-n", RELEASE, "--kube-version", KUBE_VERSION)
    return helm("template", RELEASE, CHART, *release, *arguments, code=code)
