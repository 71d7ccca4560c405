"""The source of updates: when there is one, when it is refused, and what several Gateways make of one rule."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from agw.cli.source import Change, Source, TextReader, count_changes, merge, wait_until_quiet
from agw.cli.unrest import Names
from agw.cli.watch import Watch
from agw.dataplane.state import ConfigUpdate
from agw.errors import Problem, Severity
from agw.resources.load import load_texts
from agw.resources.meta import Object
from agw.resources.objects import Resource, ResourceSet
from agw.resources.whole import Loaded
from agw.settings import Address
from agw.snapshot.model import Attachment, Rule

BROKEN = Problem("AGW1010", "not YAML")
WARNING = Problem("AGW1031", "unknown", Severity.WARNING)
GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}}}
spec:
  gatewayClassName: ack-agent-gateway
  listeners: [{{name: http, port: {port}, protocol: HTTP}}]
"""


def gateway(name: str, port: int = 80) -> Resource[Object]:
    loaded = load_texts({"a.yaml": GATEWAY.format(name=name, port=port)})
    assert loaded.ok, loaded.problems
    (resource,) = loaded.resources
    return resource


class Script:
    """A reader that gives one prepared reading after the other, the last one again and again."""

    roots: tuple[Path, ...] = ()

    def __init__(self, *readings: Loaded) -> None:
        self._readings = list(readings)

    def read(self, named: Names = None) -> Loaded:
        return self._readings.pop(0) if len(self._readings) > 1 else self._readings[0]


def good(*resources: Resource[Object], problems: tuple[Problem, ...] = ()) -> Loaded:
    return Loaded(ResourceSet(resources), problems)


def looks(*readings: Loaded) -> list[ConfigUpdate | None]:
    """The first update, and what each further look gives."""
    source = Source(Script(*readings), None)
    return [source.first(), *(source._look(force=False) for _ in readings[1:])]


def test_a_change_is_an_update_and_the_same_again_is_none() -> None:
    same = gateway("a")
    first, again, second = looks(good(same), good(same), good(same, gateway("b", 81)))
    assert first is not None
    assert list(first.entries or ()) == ["listener/default/a/http"]
    assert again is None
    assert second is not None
    assert set(second.entries or ()) == {"listener/default/a/http", "listener/default/b/http"}
    assert (first.generation, second.generation) == (1, 2)


def test_an_error_refuses_the_whole_set_once() -> None:
    same = gateway("a")
    bad = Loaded(ResourceSet(), (BROKEN,))
    other = Loaded(ResourceSet(), (BROKEN, WARNING))
    first, refused, silent, changed, back = looks(good(same), bad, bad, other, good(same))
    assert first is not None
    assert refused == ConfigUpdate(None, (BROKEN,), 2)
    assert silent is None
    assert changed == ConfigUpdate(None, (BROKEN, WARNING), 3)
    assert back is not None
    assert back.entries == first.entries


def test_a_warning_is_told_and_refuses_nothing() -> None:
    same = gateway("a")
    _, warned, silent = looks(good(same), good(same, problems=(WARNING,)), good(same, problems=(WARNING,)))
    assert warned is not None
    assert warned.entries
    assert WARNING in warned.problems
    assert silent is None


def test_changes_are_counted_by_object_and_a_move_is_none() -> None:
    one = gateway("one")
    before = ResourceSet([one, gateway("two"), gateway("gone")])
    now = ResourceSet([Resource(one.value), gateway("two", 81), gateway("new")])
    change = count_changes(before, now, now.changed_since(before))
    assert change == Change(1, 1, 1)
    assert str(change) == "+1 ~1 -1"


def test_a_rule_of_two_gateways_is_one_entry_with_both_attachments() -> None:
    rule = Rule("default/r", 0, (Attachment("listener/default/a/http"),), policy="policy/x")
    same = Rule("default/r", 0, (Attachment("listener/default/b/http"),), policy="policy/x")
    other = Rule("default/r", 0, (Attachment("listener/default/c/http"), Attachment("l", policy="policy/z")))
    assert merge({"default/a": {"rule": rule}}) == {"rule": rule}
    both = merge({"default/a": {"rule": rule}, "default/b": {"rule": same}})["rule"]
    assert isinstance(both, Rule)
    assert [item.listener for item in both.attachments] == ["listener/default/a/http", "listener/default/b/http"]
    assert both.policy == "policy/x"
    mixed = merge({"default/a": {"rule": rule}, "default/c": {"rule": other}})["rule"]
    assert isinstance(mixed, Rule)
    assert mixed.policy == ""
    assert [item.policy for item in mixed.attachments] == ["policy/x", "", "policy/z"]


SHARED = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: shared}}
spec:
  parentRefs: [{{name: a}}, {{name: b}}]
  rules: [{{matches: [{{path: {{value: {path}}}}}]}}]
"""


def route(path: str) -> Resource[Object]:
    (resource,) = load_texts({"r.yaml": SHARED.format(path=path)}).resources
    return resource


def test_an_update_names_all_keys_that_differ() -> None:
    a, b, c = gateway("a"), gateway("b", 81), gateway("c", 82)
    sets = [good(a, b, route("/x")), good(a, b, route("/y")), good(a, route("/y")), good(a, b, c, route("/y")), good(c)]
    first, *updates = looks(*sets, good(c), good(), good(a))
    assert first is not None
    assert first.changed is None
    before = first.entries or {}
    assert [update is None for update in updates] == [False, False, False, False, True, False, False]
    for update in filter(None, updates):
        now = update.entries or {}
        differing = {key for key in before.keys() | now.keys() if before.get(key) != now.get(key)}
        assert update.changed is not None
        assert differing <= update.changed
        before = now


def test_no_gateway_is_an_empty_map() -> None:
    assert merge({}) == {}


def test_a_file_that_was_just_written_is_left_alone_for_a_moment(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("x")
    wait_until_quiet([tmp_path])
    assert time.time() - path.stat().st_mtime >= 0.04


def test_an_old_file_is_read_at_once_and_a_clock_from_the_future_does_not_stop_it(tmp_path: Path) -> None:
    for name, stamp in (("old.yaml", 1), ("future.yaml", time.time() + 3600)):
        (tmp_path / name).write_text("")
        os.utime(tmp_path / name, (stamp, stamp))
    wait_until_quiet([tmp_path / "old.yaml", tmp_path / "future.yaml", tmp_path / "none.yaml"])


def test_the_source_follows_its_watch(tmp_path: Path) -> None:
    same = gateway("a")
    watch = Watch([tmp_path])
    source = Source(Script(good(same), good(same), good(same, gateway("b", 81))), watch)

    async def follow() -> list[int]:
        generations = []
        async with asyncio.timeout(20):
            async for update in source:
                generations.append(update.generation)
                if len(generations) == 1:
                    (tmp_path / "x.yaml").write_text("x")
                    source.refresh()
                else:
                    watch.close()
        return generations

    async def poke_until_done() -> list[int]:
        task = asyncio.ensure_future(follow())
        while not task.done():
            source.refresh()
            await asyncio.sleep(0.01)
        return await task

    assert asyncio.run(poke_until_done()) == [1, 2]


SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: agent}
spec: {ports: [{port: 9999}]}
---
apiVersion: agentgateway.alibabacloud.com/v1alpha1
kind: Backend
metadata: {name: b}
spec: {type: A2A, a2a: {targets: [{name: t, static: {host: agent, port: 9999}}]}}
"""


@pytest.mark.parametrize(("resolve", "told"), [(("agent", 9999), False), (("agent", 1), True), (None, True)])
def test_a_service_that_resolve_places_is_no_problem(resolve: tuple[str, int] | None, *, told: bool) -> None:
    known = {resolve: Address("127.0.0.1", 1)} if resolve else None
    update = Source(TextReader({"a.yaml": SERVICE}), None, known).first()
    assert ("AGW2040" in {problem.code for problem in update.problems}) is told
