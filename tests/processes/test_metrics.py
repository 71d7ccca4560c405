"""Metrics of a whole gateway: as many series with 5,000 routes as with one, and Prometheus' own parser reads them."""

from __future__ import annotations

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from agw.snapshot.model import Match, PathMatch
from tests.processes.gateway import agent, ask, entries, gateway

ROUTES = 5_000
MOST = 400  # series, whatever is configured


def series(text):
    return {
        (sample.name, *sorted(sample.labels.items()))
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def many(port):
    result = entries(port)
    rule = result.pop("rule/HTTPRoute/default/r/0")
    for number in range(ROUTES):
        matches = (Match(path=PathMatch(value=f"/{number}")),)
        result[f"rule/HTTPRoute/default/r{number}/0"] = msgspec.structs.replace(
            rule, route=f"default/r{number}", matches=matches
        )
    return result


def test_routes_make_no_series(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log") as front:
        front.put(entries(upstream.port))
        assert ask(front.connect()).status == 200
        few = series(front.admin("/metrics")[1])
        front.put(many(upstream.port))
        for number in range(0, ROUTES, 50):
            assert ask(front.connect(), f"/{number}").status == 200
        assert ask(front.connect(), "/none").status == 404
        found = series(front.admin("/metrics")[1])
        assert found == few
        assert len(found) < MOST


def test_durations_are_those_of_the_requests(tmp_path):
    with agent() as upstream, gateway(tmp_path / "log") as front:
        front.put(entries(upstream.port, path="/x"))
        for _ in range(12):
            ask(front.connect(), "/x")
            ask(front.connect(), "/none")
        values = {
            (sample.name, sample.labels.get("le")): sample.value
            for family in text_string_to_metric_families(front.admin("/metrics")[1])
            for sample in family.samples
            if family.type == "histogram"
        }
        assert values["agw_request_duration_seconds_count", None] == 24
        assert values["agw_request_duration_seconds_bucket", "+Inf"] == 24
        assert values["agw_first_byte_seconds_count", None] == 12  # agw's own answers have none
        assert 0 < values["agw_first_byte_seconds_sum", None] <= values["agw_request_duration_seconds_sum", None]
