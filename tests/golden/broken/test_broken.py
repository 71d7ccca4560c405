"""Every broken manifest here, with the very text that its author gets: `NAME.yaml` (or a folder) and `NAME.txt`.

`pytest --update-golden` rewrites the texts; the diff is the review. No text may hold a Secret's value.
"""

from pathlib import Path

import pytest

from agw.errors import Severity
from agw.resources.load import load
from agw.resources.render import texts
from agw.translate import translate

HERE = Path(__file__).parent
CASES = sorted(path.name for path in HERE.iterdir() if path.is_dir() or path.suffix in {".yaml", ".json"})
CASES = [name for name in CASES if not name.startswith(("__", "."))]
SECRET_VALUES = ("correct-horse", "sesame", "c2VzYW1l", "12345678")


def problems_of(paths):
    """Decoding's problems; translation's where everything could be decoded, for else they would only follow from it."""
    loaded = load(paths)
    return loaded.problems if not loaded.ok else (*loaded.problems, *translate(loaded.resources).problems)


def place(problem):
    return problem.position.file, problem.position.line, problem.position.column


def render_problems(paths):
    return texts(sorted(problems_of(paths), key=place))


@pytest.mark.parametrize("name", CASES)
def test_text(name, monkeypatch, update_golden):
    monkeypatch.chdir(HERE)
    text = render_problems([Path(name)]) + "\n"
    golden = HERE / f"{Path(name).stem}.txt"
    if update_golden:
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CASES)
def test_every_problem_has_a_place_and_no_secret(name, monkeypatch):
    monkeypatch.chdir(HERE)
    problems = problems_of([Path(name)])
    assert problems, "a broken manifest without a problem"
    for problem in problems:
        assert problem.position.line, problem
        assert problem.position.column, problem
    text = render_problems([Path(name)])
    assert not [value for value in SECRET_VALUES if value in text]


def test_none_is_fine_and_there_are_enough(monkeypatch):
    monkeypatch.chdir(HERE)
    lenient = [
        name for name in CASES if all(problem.severity is Severity.INFO for problem in problems_of([Path(name)]))
    ]
    assert lenient == []
    assert len(CASES) >= 32
