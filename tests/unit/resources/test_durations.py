import pytest

from agw.resources.durations import milliseconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0s", 0), ("500ms", 500), ("1m30s", 90_000), ("1h", 3_600_000), ("99999h", 359_996_400_000), ("1s1s1s1s", 4000)],
)
def test_counted(text, expected):
    assert milliseconds(text) == expected


@pytest.mark.parametrize("text", ["", "1", "1.5s", "-1s", "1d", "100000s", "1s1s1s1s1s", " 1s", "1s\n", "s", "1 s"])
def test_refused(text):
    with pytest.raises(ValueError, match="is not a duration"):
        milliseconds(text)
