import pytest
from hypothesis import given
from hypothesis import strategies as st

from agw.resources.paths import parse, render


def test_forms():
    assert render(()) == "$"
    path = ("spec", "rules", 0, "x-y", "app.kubernetes.io/name", 'a"b\\c')
    assert render(path) == '$.spec.rules[0].x-y["app.kubernetes.io/name"]["a\\"b\\\\c"]'


@given(st.lists(st.one_of(st.text(), st.integers(min_value=0, max_value=9999)), max_size=6))
def test_what_is_rendered_can_be_parsed(steps):
    assert parse(render(steps)) == tuple(steps)


@pytest.mark.parametrize("text", ["", "spec", "$.", "$[", "$[-1]", '$["a]', "$.a b", "$..a"])
def test_what_is_no_path_is_refused(text):
    with pytest.raises(ValueError, match="is not a JSON path"):
        parse(text)
