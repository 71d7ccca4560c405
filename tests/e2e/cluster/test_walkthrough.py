"""The seed documentation from the first command to the last, on a real cluster."""

import os
from pathlib import Path

import pytest

from tests.e2e.cluster.terminal import ROOT
from tests.e2e.cluster.walkthrough import RELEASE, Walkthrough, image_values, open_terminal, page


@pytest.fixture
def terminal(tmp_path):
    """A terminal; what a test that failed leaves in the cluster is removed."""
    terminal = open_terminal(tmp_path)
    yield terminal
    for name in ("a2a-api-key.yaml", "a2a-gateway.yaml", "a2a-server.yaml"):
        terminal.run(f"kubectl delete --ignore-not-found -f {name}", code=None)
    terminal.run(f"helm uninstall {RELEASE} -n {RELEASE} --wait --ignore-not-found", code=None)


def test_every_output_is_the_documentations(terminal):
    walkthrough = Walkthrough(terminal, image_values())
    walkthrough.all()
    if path := os.environ.get("AGW_WALKTHROUGH"):
        (ROOT / Path(path)).write_text("\n".join(page(walkthrough.steps)) + "\n")
