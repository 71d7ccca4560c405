"""`agw run --agent URL --key NAME`: one command to an authenticated conversation, and manifests that serve the same."""

import subprocess

import pytest

from tests.e2e.counting import all_through
from tests.e2e.gateway import AGW, environment, gateway
from tests.e2e.people import PATIENCE

CLIENT = {"0.3": "0.3", "1": "1", "1+0.3": "0.3"}


def hello(front, behind, client, key):
    """Have the seed's conversation, with the key and without."""
    say = ("said", "say", "hello")
    with all_through(front, behind, refused=1) as passed:
        answered = client.converse(front.url, say, key=("bearer", key))
        refused = client.converse(front.url, say)
    assert answered["error"] is None
    assert answered["said"] == {"said": ["Hello World"]}
    assert len(passed.requests) == 2
    assert "401" in refused["error"]["text"]


@pytest.mark.parametrize("server", CLIENT)
def test_one_command_serves_an_agent_and_what_it_writes_serves_the_same(scene, tmp_path, server):
    behind, _ = scene.pair(server)
    client = scene.client(CLIENT[server])
    saved = tmp_path / "saved"

    with gateway(tmp_path, "--agent", behind.url, "--key", "alice", "--write", str(saved)) as front:
        key = front.printed.read_text().strip()
        assert key
        assert key not in front.log.read_text()
        hello(front, behind, client, key)

    checked = subprocess.run(
        [*AGW, "check", "-f", str(saved)],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=PATIENCE,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr

    with gateway(tmp_path, "-f", str(saved)) as front:
        assert front.printed.read_text() == ""
        hello(front, behind, client, key)
