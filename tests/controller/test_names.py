import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agw.controller import names

LABEL = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
VALUE = re.compile(r"[a-z0-9]([-._a-z0-9]{0,61}[a-z0-9])?")
SUBDOMAINS = st.from_regex(
    r"[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?){0,6}", fullmatch=True
)


@given(SUBDOMAINS)
def test_every_name_of_a_gateway_gives_a_service_name_and_a_label(name):
    assert LABEL.fullmatch(names.made(name))
    assert VALUE.fullmatch(names.label_value(name))


@pytest.mark.parametrize("longest", ["a" * 253, "a." * 126 + "b", "1" * 253])
def test_the_longest_names(longest):
    assert LABEL.fullmatch(names.made(longest))
    assert VALUE.fullmatch(names.label_value(longest))


def test_names_that_begin_alike_stay_apart():
    one, other = "a" * 252 + "b", "a" * 252 + "c"
    assert names.made(one) != names.made(other)
    assert names.label_value(one) != names.label_value(other)
    assert names.made("a.b") != names.made("a-b")


def test_a_short_name_is_its_own_label():
    assert names.label_value("test-a2a-gateway") == "test-a2a-gateway"
    assert names.made("test-a2a-gateway").startswith("test-a2a-gateway-")
