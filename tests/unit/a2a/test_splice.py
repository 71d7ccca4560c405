"""The text editor under the card rewriting, against the standard library's JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agw.a2a.splice import change, container, dump, splice

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
documents = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
indents = st.sampled_from([None, 0, 1, 3])
separators = st.sampled_from([None, (",", ":"), (" ,", " :\n")])


@given(st.dictionaries(st.text(), documents), indents, separators, st.booleans())
def test_the_parts_of_an_object_are_those_that_json_sees(value, indent, separator, ascii_only):
    text = json.dumps(value, indent=indent, separators=separator, ensure_ascii=ascii_only)

    box = container(text, 0)

    assert [(part.name, json.loads(box.raw(part))) for part in box.parts] == list(value.items())
    assert all(text[part.start] == '"' for part in box.parts)


@given(st.lists(documents), indents, separators)
def test_the_parts_of_an_array_are_those_that_json_sees(value, indent, separator):
    text = json.dumps(value, indent=indent, separators=separator)

    box = container(text, 0)

    assert [json.loads(box.raw(part)) for part in box.parts] == value
    assert {part.name for part in box.parts} <= {""}


@given(st.data(), st.lists(documents), st.lists(documents, max_size=3), indents)
def test_removing_and_appending_keeps_the_commas_right(data, value, more, indent):
    remove = data.draw(st.sets(st.integers(0, len(value) - 1))) if value else set()
    text = json.dumps(value, indent=indent)

    edits = change(container(text, 0), remove=frozenset(remove), append=tuple(dump(item) for item in more))

    assert json.loads(splice(text, edits)) == [item for i, item in enumerate(value) if i not in remove] + more


@pytest.mark.parametrize("text", ["{}", "{ }", "[]", "[\n]"])
def test_an_empty_container_has_no_parts_and_takes_one(text):
    box = container(text, 0)

    assert box.parts == ()
    member = '"a":1' if text[0] == "{" else "1"
    assert json.loads(splice(text, change(box, append=(member,)))) == ({"a": 1} if text[0] == "{" else [1])


def test_names_that_repeat_are_all_seen_and_the_last_string_counts():
    box = container(r'{"url": "a", "\u0075rl": "b", "url": 3}', 0)

    assert [box.raw(part) for part in box.named("url")] == ['"a"', '"b"', "3"]
    assert box.string("url") == "b"
    assert box.string("absent") == ""


def test_brackets_and_quotes_in_strings_are_text():
    text = r'{"a]}": "{[,\":\\", "b": [":"]}'
    box = container(text, 0)

    assert [part.name for part in box.parts] == ["a]}", "b"]
    assert box.open(box.parts[0], "[") is None
    assert box.open(box.parts[1], "[").parts[0].value == text.index('":"')


def test_what_is_written_is_characters_unless_utf8_has_none():
    assert dump("é\u2028") == '"é\u2028"'
    assert dump("\ud800é") == r'"\ud800\u00e9"'
