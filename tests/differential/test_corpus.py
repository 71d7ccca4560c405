"""The seeds of fuzzing, in every build: what libFuzzer found to reach something new must not depend on how it is cut."""

from __future__ import annotations

import pytest

from agw._fastpath.events import split_events
from agw._fastpath.fields import normalised_path, parsed_authority
from agw._fastpath.http1_body import decode_chunked
from agw._fastpath.http1_head import parse_request, parse_response
from agw._fastpath.proxy_protocol import proxy_header
from fuzz import seeds
from tests.oracles import event_stream


def single(data):
    return [data[at : at + 1] for at in range(len(data))]


@pytest.mark.parametrize(
    ("harness", "parse"),
    [("request", parse_request), ("writer", parse_request), ("response", parse_response), ("chunked", decode_chunked)],
)
def test_cuts_change_nothing(harness, parse):
    for data in seeds.read(harness):
        assert parse(single(data)) == parse([data]), data


def test_small_limits_change_nothing_either():
    for data in seeds.read("request"):
        for limits in ((64, 24, 2), (200, 60, 1)):
            assert parse_request(single(data), *limits) == parse_request([data], *limits), (data, limits)


def test_what_is_normal_stays_as_it_is():
    for data in seeds.read("path"):
        if data.startswith(b"/") and b"?" not in data:
            path = normalised_path(data)
            assert path is None or normalised_path(path) == path, data
        elif found := parsed_authority(data):
            assert parsed_authority(found[0]) == (found[0], 0), data


def test_no_beginning_of_a_proxy_header_is_one():
    for data in seeds.read("proxy"):
        found = proxy_header(data)
        if isinstance(found, tuple):
            assert proxy_header(data[: found[2]]) == found
            assert all(proxy_header(data[:size]) is None for size in range(found[2])), data


def test_events_are_those_of_the_grammar_however_a_stream_is_cut():
    for data in seeds.read("events"):
        expected = event_stream.events(data)
        assert split_events([data]) == split_events(single(data)) == expected, data
