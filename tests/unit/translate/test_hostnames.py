"""The intersection of listener and route hostnames, as the Gateway API's documentation tells it by example."""

import pytest

from agw.translate.hostnames import intersect, intersect_all, matches, specificity


@pytest.mark.parametrize(
    ("listener", "route", "both"),
    [
        ("", "", ""),
        ("", "a.example.com", "a.example.com"),
        ("a.example.com", "", "a.example.com"),
        ("a.example.com", "a.example.com", "a.example.com"),
        ("a.example.com", "b.example.com", None),
        ("*.example.com", "a.example.com", "a.example.com"),
        ("*.example.com", "a.b.example.com", "a.b.example.com"),
        ("*.example.com", "example.com", None),
        ("a.example.com", "*.example.com", "a.example.com"),
        ("example.com", "*.example.com", None),
        ("*.example.com", "*.example.com", "*.example.com"),
        ("*.example.com", "*.b.example.com", "*.b.example.com"),
        ("*.b.example.com", "*.example.com", "*.b.example.com"),
        ("*.example.com", "*.other.com", None),
        ("*.ample.com", "a.example.com", None),
        ("*.com", "com", None),
    ],
)
def test_intersect(listener, route, both):
    assert intersect(listener, route) == both


def test_a_route_keeps_what_the_listener_takes_once_each():
    assert intersect_all("*.x.io", ("A.x.io", "a.x.io", "b.y.io")) == ("a.x.io",)
    assert intersect_all("*.x.io", ()) == ("*.x.io",)
    assert intersect_all("a.x.io", ("b.x.io",)) == ()


@pytest.mark.parametrize(
    ("pattern", "host", "yes"),
    [
        ("", "anything", True),
        ("*.x.io", "a.x.io", True),
        ("*.x.io", "a.b.x.io", True),
        ("*.x.io", "x.io", False),
        ("*.x.io", ".x.io", False),
        ("*.x.io", "ax.io", False),
        ("x.io", "x.io", True),
        ("x.io", "a.x.io", False),
    ],
)
def test_matches(pattern, host, yes):
    assert matches(pattern, host) is yes


def test_specificity_sorts_the_winner_first():
    patterns = ["", "*.io", "*.x.io", "a.x.io", "long.x.io"]
    assert sorted(patterns, key=specificity) == ["long.x.io", "a.x.io", "*.x.io", "*.io", ""]
