"""Where keys may be, as a policy says it and as a data plane looks for them."""

from agw.resources.agentgateway import KeySource as Source
from agw.resources.load import load
from agw.snapshot.model import KeySource, Policy
from agw.translate.key_sources import distinct, unusable
from agw.translate.translator import translate
from tests.unit.translate.test_closed import WORLD

SOURCES = "{header: X-Key}, {query: k}, {header: x-key}, {query: k}, {cookie: k}"


def test_a_source_that_is_said_twice_is_one(tmp_path):
    """Each key would be found twice, and two keys are as good as none."""
    path = tmp_path / "world.yaml"
    path.write_text(WORLD.replace("secretRef: {name: keys}", f"secretRef: {{name: keys}}, sources: [{SOURCES}]"))
    loaded = load([path])
    assert loaded.ok, loaded.problems
    entries = translate(loaded.resources).snapshots["default/gw"].values()
    (policy,) = [entry for entry in entries if isinstance(entry, Policy)]
    assert policy.api_key.sources == (KeySource("x-key"), KeySource(query="k"), KeySource(cookie="k"))


def test_a_scheme_in_two_spellings_is_one_place():
    """In any case it is the same word (RFC 9110 11.1), so each key would be found twice."""
    spelt = [
        Source(header=name, scheme=scheme)
        for name in ("Authorization", "AUTHORIZATION")
        for scheme in ("Bearer", "bearer")
    ]
    assert distinct(spelt) == (KeySource("authorization", "Bearer"),)
    assert unusable(spelt) == ()
    assert [each.index for each in unusable([*spelt, Source(header="authorization")])] == [0]
