"""What YAML means: kubectl's reading, with positions, and bounds on what a text may cost."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agw.resources import codes
from agw.resources.construct import construct, plain
from agw.resources.nodes import compose_json, compose_yaml


def read(text):
    documents, problem = compose_yaml(text)
    assert problem is None, problem.message
    value, problems = construct(documents[0])
    assert not problems, [found.message for found in problems]
    return value


def problems_of(text):
    documents, problem = compose_yaml(text)
    found = [problem] if problem else []
    for document in documents:
        found += construct(document)[1] if document is not None else []
    return [(one.code, one.line + 1, one.column + 1) for one in found]


# Each pair is goyaml v2's, which kubectl reads with.
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yes", True), ("On", True), ("y", True), ("TRUE", True), ("no", False), ("OFF", False), ("n", False),
        ("yEs", "yEs"), ("yesterday", "yesterday"), ("null", None), ("~", None), ("Null", None), ("nULL", "nULL"),
        ("12", 12), ("-3", -3), ("+3", 3), ("010", 8), ("0o10", 8), ("0x10", 16), ("0b11", 3), ("1_000", 1000),
        ("08", 8.0), ("1.5", 1.5), (".5", 0.5), ("1e3", 1000.0), ("1.", 1.0), ("12:30", "12:30"),
        ("2026-01-02", "2026-01-02"), ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"), ("1.2.3", "1.2.3"),
        ("v1", "v1"), ("1\u0662", "1\u0662"), ("-", "-"), ("+", "+"), (".", "."), ("0x", "0x"), ("1e", "1e"), ("=", "="),
        ("18446744073709551615", 2**64 - 1), ("18446744073709551616", float(2**64)), ("-.inf", -math.inf),
    ],
)  # fmt: skip
def test_plain_scalars(text, expected):
    found = plain(text)
    assert found == expected
    assert type(found) is type(expected)


def test_quotes_and_tags_say_the_type():
    assert read("{a: 'no', b: \"12\", c: !!str 12, d: !!int '12', e: !!float 1, f: !!bool 'yes', g: !!null ''}") == {
        "a": "no", "b": "12", "c": "12", "d": 12, "e": 1.0, "f": True, "g": None,
    }  # fmt: skip


def test_anchors_and_merge_keys():
    text = "base: &b {x: 1, z: 2}\none: {<<: *b, z: 3}\ntwo: {<<: [{x: 9}, *b], w: *b}\nthree: *b\n"
    assert read(text) == {
        "base": {"x": 1, "z": 2}, "one": {"x": 1, "z": 3}, "two": {"x": 9, "z": 2, "w": {"x": 1, "z": 2}},
        "three": {"x": 1, "z": 2},
    }  # fmt: skip


def test_numeric_keys_are_text_as_kubectl_has_them():
    assert read("1: a\n1.5: b\n") == {"1": "a", "1.5": "b"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", [(codes.DUPLICATE_KEY, 3, 1)]),
        ("a: {x: 1, x: 2}\nb: [{z: 1, z: 2}]\n", [(codes.DUPLICATE_KEY, 1, 11), (codes.DUPLICATE_KEY, 2, 12)]),
        ("'a': 1\na: 2\n", [(codes.DUPLICATE_KEY, 2, 1)]),
        ("yes: 1\n", [(codes.KEY, 1, 1)]),
        ("~: 1\n", [(codes.KEY, 1, 1)]),
        ("? [a]\n: 1\n", [(codes.KEY, 1, 3)]),
        ("a: !!binary aGk=\n", [(codes.TAG, 1, 4)]),
        ("a: !!set {x}\n", [(codes.TAG, 1, 4)]),
        ("a: !!int x\n", [(codes.TAG, 1, 4)]),
        ("a: &a [*a]\n", [(codes.ALIAS, 1, 4)]),
        ("a: *b\n", [(codes.ALIAS, 1, 4)]),
        ("<<: 1\n", [(codes.TYPE, 1, 5)]),
        ("a:\n\t- b\n", [(codes.TAB, 2, 1)]),
        ("a:\n  - b\n  \t- c: d\n    e: f\n", [(codes.TAB, 3, 3)]),
        ("a: [1,\n  2\n", [(codes.TRUNCATED, 1, 4)]),
        ("a: {b: c\n", [(codes.TRUNCATED, 1, 4)]),
        ("a: 'b\n", [(codes.TRUNCATED, 1, 4)]),
        ("a: b\nc", [(codes.TRUNCATED, 2, 1)]),
        ("a: b: c\n", [(codes.SYNTAX, 1, 5)]),
        ("a: @b\n", [(codes.SYNTAX, 1, 4)]),
        ("a: \x07\n", [(codes.CONTROL, 1, 4)]),
        ("a: " + "[" * 101 + "]" * 101, [(codes.DEPTH, 1, 103)]),
        ("[" * 5000, [(codes.DEPTH, 1, 1001)]),
        ("- " * 100_000, [(codes.DEPTH, 1, 1999)]),
    ],
)
def test_problems_and_places(text, expected):
    assert problems_of(text) == expected


def test_aliases_that_expand_to_too_much_are_refused():
    lines = ["x0: &x0 [a, a, a, a, a, a, a, a, a, a]"]
    lines += [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]" for n in range(1, 40)]
    assert [code for code, _, _ in problems_of("\n".join(lines))] == [codes.ALIAS]


def test_a_merge_of_merges_is_bounded_too():
    lines = ["x0: &x0 {a: [1, 2, 3, 4, 5, 6, 7, 8, 9]}"]
    lines += [f"x{n}: &x{n} {{b: [{', '.join([f'{{<<: *x{n - 1}}}'] * 10)}]}}" for n in range(1, 40)]
    assert [code for code, _, _ in problems_of("\n".join(lines))] == [codes.ALIAS]


@given(
    st.recursive(
        st.one_of(
            st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.text(st.characters(exclude_categories=["Cs"]))
        ),
        lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text("abc<"), inner)),
        max_leaves=20,
    )
)
def test_json_is_read_as_json(value):
    import json

    text = json.dumps(value)
    documents, problem = compose_json(text)
    assert problem is None
    # A key `<<` is a merge in YAML and an ordinary key in JSON: quoted keys are never merges.
    assert construct(documents[0]) == (value, [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1,}', (codes.SYNTAX, 1, 9)),
        ('{"a": 1', (codes.TRUNCATED, 1, 8)),
        ('{"a": "x', (codes.TRUNCATED, 1, 9)),
        ('{"a": "x\n"}', (codes.SYNTAX, 1, 9)),
        ('{"a": "\\q"}', (codes.SYNTAX, 1, 7)),
        ('{"a" 1}', (codes.SYNTAX, 1, 6)),
        ("{a: 1}", (codes.SYNTAX, 1, 2)),
        ("[1 2]", (codes.SYNTAX, 1, 4)),
        ("[01]", (codes.SYNTAX, 1, 3)),
        ("[NaN]", (codes.SYNTAX, 1, 2)),
        ("{}\n]", (codes.SYNTAX, 2, 1)),
        ("[" * 200, (codes.DEPTH, 1, 102)),
    ],
)
def test_what_is_no_json(text, expected):
    problem = compose_json(text)[1]
    assert problem is not None
    assert (problem.code, problem.line + 1, problem.column + 1) == expected


def test_duplicate_keys_in_json():
    assert construct(compose_json('{"a": 1,\n "a": 2}')[0][0])[1][0].code == codes.DUPLICATE_KEY


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_gives_values_or_problems(text):
    documents, problem = compose_yaml(text)
    for document in documents:
        if document is not None:
            construct(document)
    if problem is not None:
        assert problem.line >= 0
