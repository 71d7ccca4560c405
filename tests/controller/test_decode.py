"""What an API server sends is read as a manifest is: whatever the golden tests of translation have in them."""

from base64 import b64encode
from pathlib import Path

import msgspec
import pytest

from agw.controller.decode import reader
from agw.resources.core import EndpointSlice, SecretBytes
from agw.resources.gateway import HTTPRoute
from agw.resources.load import load

GOLDEN = Path(__file__).parents[1] / "golden" / "translate"


def encoded(value):
    """The object as JSON, with its Secret's values as a cluster has them."""

    def secret(part):
        assert isinstance(part, SecretBytes)
        return b64encode(part.reveal()).decode()

    return msgspec.json.encode(value, enc_hook=secret)


@pytest.mark.parametrize("name", sorted(path.name.removesuffix(".in.yaml") for path in GOLDEN.glob("*.in.yaml")))
def test_objects_of_manifests(name):
    for resource in load([GOLDEN / f"{name}.in.yaml"]).resources:
        value = resource.value
        assert reader(type(value), value.api_version)(encoded(value)).value == value


def test_parts_that_nothing_looks_into():
    spec = {"rules": [{"sessionPersistence": {"type": "Cookie", "cookieConfig": {"lifetimeType": "Session"}}}]}
    route = {"apiVersion": "v1", "kind": "HTTPRoute", "metadata": {"name": "r"}, "spec": spec}
    found = reader(HTTPRoute, "v1")(msgspec.json.encode(route)).value
    assert found.spec.rules[0].session_persistence == spec["rules"][0]["sessionPersistence"]


def test_kinds_and_filters_of_next_year_are_read():
    filters = [{"type": "OfNextYear", "ofNextYear": {"a": [1, None]}}]
    spec = {"rules": [{"filters": filters, "ofNextYear": True}], "ofNextYear": {}}
    route = {"apiVersion": "v1", "kind": "HTTPRoute", "metadata": {"name": "r"}, "spec": spec}
    assert reader(HTTPRoute, "v1")(msgspec.json.encode(route)).value.spec.rules[0].filters[0].type == "OfNextYear"


@pytest.mark.parametrize("lists", [{}, {"endpoints": None, "ports": None}])
def test_a_slice_may_have_no_lists(lists):
    slice_ = {"metadata": {"name": "s", "resourceVersion": "7"}, "addressType": "IPv4", **lists}
    found = reader(EndpointSlice, "discovery.k8s.io/v1")(msgspec.json.encode(slice_))
    assert (found.value.endpoints, found.value.ports, found.version) == ((), (), "7")
