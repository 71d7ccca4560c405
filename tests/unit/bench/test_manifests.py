"""Fleets and key rings are what agw's own decoder takes, and the load meets all of them."""

from __future__ import annotations

import pytest
import yaml

from bench.manifests import MOST_REQUESTS, fleet, fleet_scenario, key, key_ring, key_scenario, place, route


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
    assert kinds(key_ring(3)) == ["Backend", "Gateway", "HTTPRoute", "TrafficPolicy", "Secret"]
    secret = list(yaml.safe_load_all(key_ring(3)))[-1]
    assert secret["stringData"] == {f"k{number}": key(number) for number in range(3)}


@pytest.mark.parametrize("count", [1, 10, MOST_REQUESTS + 5])
def test_the_load_meets_different_routes_and_keys(count):
    for scenario in (fleet_scenario(count), key_scenario(count)):
        assert len(set(scenario.requests)) == min(count, MOST_REQUESTS)


def test_a_hundred_thousand_keys_differ_and_fit_into_a_secret():
    keys = [key(number) for number in range(100_000)]
    assert len(set(keys)) == len(keys)
    assert sum(map(len, keys)) <= 1_048_576


def test_every_run_sends_the_same():
    assert fleet_scenario(50) == fleet_scenario(50)
    assert key_scenario(50) == key_scenario(50)
