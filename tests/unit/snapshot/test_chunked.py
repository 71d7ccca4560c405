"""A frozen map against a dict."""

from hypothesis import given
from hypothesis import strategies as st

from agw.snapshot.chunked import ChunkedMap

KEYS = st.text("ab", max_size=9)
CHANGES = st.lists(st.tuples(st.dictionaries(KEYS, st.integers(), max_size=9), st.lists(KEYS, max_size=5)), max_size=9)


@given(st.dictionaries(KEYS, st.integers()), CHANGES)
def test_it_is_what_a_dict_would_be_at_each_step(first, changes):
    made, plain = ChunkedMap.of(first), dict(first)
    kept = [(made, dict(plain))]
    for put, gone in changes:
        plain |= put
        for key in gone:
            plain.pop(key, None)
        made = made.replacing(put, gone)
        kept.append((made, dict(plain)))
    for one, expected in kept:
        assert one == expected
        assert expected == one
        assert len(one) == len(expected)
        assert dict(one) == expected
        assert set(one.items()) == set(expected.items())
        assert all(key in one and one[key] == one.get(key) == value for key, value in expected.items())
        assert "missing" not in one
        assert one.get("missing", 7) == 7


def test_what_is_not_touched_is_shared():
    made = ChunkedMap.of({str(number): number for number in range(5000)})
    after = made.replacing({"1": -1}, ["2"])
    assert sum(one is other for one, other in zip(made._chunks, after._chunks, strict=True)) >= 126
