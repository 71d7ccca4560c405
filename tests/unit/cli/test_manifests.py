"""The manifests of --agent: what is written, and what is never written."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import yaml

from agw.cli.card import agent_url
from agw.cli.manifests import check_consumer, make, write
from agw.cli.output import Failure

KEY = "a-key-that-must-not-be-saved"


def documents(texts: list[str]) -> dict[str, dict[str, object]]:
    return {document["kind"]: document for text in texts for document in yaml.safe_load_all(text)}


def test_the_agent_is_the_backend_of_one_route_for_everything() -> None:
    made = make(agent_url("http://localhost:9999"), "")
    found = documents([manifest.text for manifest in made])
    assert found["Backend"]["spec"]["a2a"]["targets"][0]["static"] == {"host": "localhost", "port": 9999}
    assert "matches" not in found["HTTPRoute"]["spec"]["rules"][0]
    assert set(found) == {"Backend", "Gateway", "HTTPRoute"}


def test_an_agent_under_a_path_keeps_it() -> None:
    made = make(agent_url("http://localhost:9999/agents/hello/"), "/agents/hello")
    rule = documents([made[0].text])["HTTPRoute"]["spec"]["rules"][0]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/agents/hello"}}]
    assert rule["backendRefs"][0]["name"] == "agent"


def test_only_the_digest_of_the_key_is_in_the_manifests() -> None:
    made = make(agent_url("http://localhost:9999"), "", "alice", KEY)
    found = documents([manifest.text for manifest in made])
    assert found["Secret"]["stringData"] == {"alice": "sha256:" + hashlib.sha256(KEY.encode()).hexdigest()}
    assert found["TrafficPolicy"]["spec"]["targetRefs"][0]["name"] == found["HTTPRoute"]["metadata"]["name"]
    assert not any(KEY in manifest.text for manifest in made)


@pytest.mark.parametrize("name", ["", "a b", "x" * 64, "ä", "-a", "a:", "a\n"])
def test_a_consumer_is_named_as_an_entry_of_a_secret(name: str) -> None:
    with pytest.raises(ValueError, match="letters"):
        check_consumer(name)


def test_what_is_there_already_is_not_overwritten(tmp_path: Path) -> None:
    made = make(agent_url("http://localhost:9999"), "", "alice", KEY)
    paths = write(made, tmp_path / "gw")
    assert [path.name for path in paths] == ["gateway.yaml", "api-key.yaml"]
    assert write(made, tmp_path / "gw") == paths
    other = make(agent_url("http://localhost:9998"), "", "alice", KEY)
    with pytest.raises(Failure, match=r"gateway\.yaml: already there"):
        write(other, tmp_path / "gw")
    assert paths[0].read_text(encoding="utf-8") == made[0].text


def test_nothing_is_written_where_one_file_differs(tmp_path: Path) -> None:
    (tmp_path / "api-key.yaml").write_text("mine")
    with pytest.raises(Failure, match=r"api-key\.yaml"):
        write(make(agent_url("http://localhost:9999"), "", "alice", KEY), tmp_path)
    assert not (tmp_path / "gateway.yaml").exists()


def test_a_folder_that_cannot_be_made_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Failure, match="cannot write"):
        write(make(agent_url("http://localhost:9999"), ""), tmp_path / "file" / "gw")
