"""Every scenario is something that the rig can line up."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bench import rig
from bench.contests import CONTESTS
from bench.field import agent_command
from bench.peers import PEERS
from bench.scenario import KEYS


def options(*arguments):
    return rig.parser().parse_args(arguments)


@pytest.mark.parametrize("contest", CONTESTS.values(), ids=CONTESTS)
def test_a_contest_has_a_kind_and_one_agent(contest):
    assert contest.kind in rig.KINDS
    assert agent_command(1, [variant.scenario() for variant in contest.variants])
    labels = [variant.label for variant in contest.variants]
    assert len(set(labels)) == len(labels)
    assert all(labels) or len(labels) == 1


@pytest.mark.parametrize("name", [name for name in CONTESTS if name != "keys"])
def test_manifests_are_yaml_and_answer_the_first_request(name):
    for variant in CONTESTS[name].variants[:2]:
        documents = list(yaml.load_all(variant.manifests(), yaml.CSafeLoader))
        hosts = {host for one in documents for host in one.get("spec", {}).get("hostnames", ())}
        host = variant.scenario().requests[0].split(b"Host: ")[1].partition(b"\r\n")[0].decode()
        assert not hosts or host in hosts


def test_proxies_run_in_every_variant(tmp_path):
    contest = CONTESTS["routes"]
    peers, notes = rig.who(contest, options("--peers", "relay,agw"))
    assert [peer.name for peer in peers] == ["agw"]
    assert notes == ["nothing to compare with in this scenario: relay"]
    found = rig.entries(contest, peers, options(), tmp_path)
    assert [entry.name for entry in found] == ["agw 10 routes", "agw 1,000 routes", "agw 10,000 routes"]
    assert [entry.setup.routes for entry in found] == [10, 1_000, 10_000]
    assert all(entry.setup.manifests.exists() for entry in found)
    assert set(rig.places(contest, peers)) == {entry.name for entry in found}


def test_the_command_line_overrules_the_row(tmp_path):
    given = options("--peer-auth", "--manifests", str(tmp_path))
    (entry,) = rig.entries(CONTESTS["post300"], [PEERS["agw"]], given, tmp_path)
    assert entry.setup.keys == KEYS
    assert entry.setup.manifests == Path(tmp_path)
