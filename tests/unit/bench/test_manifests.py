"""Fleets and key rings are what agw's own decoder takes, and the load meets all of them."""

from __future__ import annotations

import pytest
import yaml

from bench.manifests import (
    MOST_REQUESTS,
    degree,
    fleet,
    fleet_requests,
    key,
    key_requests,
    key_ring,
    locked,
    one_route,
    place,
    route,
)
from bench.scenario import KEYS


def kinds(text):
    return [document["kind"] for document in yaml.safe_load_all(text)]


def test_a_fleet_has_its_routes_at_places_of_their_own():
    routes = [one for one in yaml.safe_load_all(fleet(250)) if one["kind"] == "HTTPRoute"]
    places = {(one["spec"]["hostnames"][0], one["spec"]["rules"][0]["matches"][0]["path"]["value"]) for one in routes}
    assert places == {place(number) for number in range(250)}
    assert len(places) == 250


def test_a_route_can_be_written_at_another_path():
    assert yaml.safe_load(route(3, "/new").removeprefix("---\n"))["spec"]["rules"][0]["matches"][0]["path"] == {
        "type": "PathPrefix",
        "value": "/new",
    }


def test_a_key_ring_is_a_secret_under_a_policy():
    text = one_route() + locked(key_ring(3))
    assert kinds(text) == ["Backend", "Gateway", "HTTPRoute", "Service", "TrafficPolicy", "Secret"]
    secret = list(yaml.safe_load_all(text))[-1]
    assert secret["stringData"] == {f"k{number}": key(number) for number in range(3)}


def test_only_the_last_degree_decides():
    policies = [list(yaml.safe_load_all(degree(of)))[4]["spec"]["traffic"] for of in ("plain", "a2a", "decided")]
    assert [sorted(policy) for policy in policies[:2]] == [["authentication"]] * 2
    assert sorted(policies[2]) == ["authentication", "authorization", "rateLimit"]
    assert "kind: Backend, name: agent}]}" not in degree("plain")


@pytest.mark.parametrize("count", [1, 10, MOST_REQUESTS + 5])
def test_the_load_meets_different_routes_and_keys(count):
    for requests in (fleet_requests(count), key_requests(count)):
        assert len(set(requests)) == min(count, MOST_REQUESTS)


def test_a_fleet_is_asked_with_the_keys_in_turn():
    found = [b"Bearer k2" in request for request in fleet_requests(4, ("k1", "k2"))]
    assert found == [False, True, False, True]


def test_a_hundred_thousand_keys_differ_and_fit_into_a_secret():
    keys = [key(number) for number in range(100_000)]
    assert len(set(keys)) == len(keys)
    assert sum(map(len, keys)) <= 1_048_576


def test_a_script_of_large_bodies_is_not_too_large():
    assert len(fleet_requests(1_000, KEYS, 1_048_576)) == 32


def test_every_run_sends_the_same():
    assert fleet_requests(50) == fleet_requests(50)
    assert key_requests(50) == key_requests(50)
