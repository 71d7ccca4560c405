import json

from agw.errors import Position, Problem, Severity
from agw.resources.render import as_dict, excerpt, github, text, texts

LINES = {"a.yaml": ["kind: Backend", "spec:", "\tport: 0", "  x: 1", ""]}


def problem(line=0, column=0, **more):
    return Problem("AGW1034", "found 0", position=Position("a.yaml", line, column), **more)


def test_text_with_an_excerpt():
    shown = text(problem(2, 3, object="Backend default/x", path="$.spec", document=2, hint="more"), LINES.get)
    assert shown == (
        "a.yaml:2:3: error AGW1034: found 0\n"
        "  in Backend default/x $.spec (document 2)\n"
        "  1 | kind: Backend\n"
        "  2 | spec:\n"
        "    |   ^\n"
        "  3 |         port: 0\n"
        "  hint: more"
    )


def test_the_caret_stands_under_tabs():
    assert excerpt(problem(3, 2), LINES.get)[1:3] == ["  3 |         port: 0", "    |         ^"]


def test_edges_of_a_file():
    assert excerpt(problem(1, 1), LINES.get)[0] == "  1 | kind: Backend"
    assert excerpt(problem(4, 3), LINES.get)[-1] == "    |   ^"
    assert excerpt(problem(0, 0), LINES.get) == []
    assert excerpt(problem(99, 1), LINES.get) == []
    assert excerpt(problem(1, 1), lambda _: ()) == []


def test_a_file_that_has_gone_is_no_error(tmp_path):
    gone = Problem("AGW1034", "found 0", position=Position(str(tmp_path / "gone"), 1, 1))
    assert text(gone) == f"{tmp_path}/gone:1:1: error AGW1034: found 0"


def test_long_lines_and_control_characters():
    lines = {"a.yaml": ["kind: Backend \x1b[31m" + "x" * 500]}
    shown = excerpt(problem(1, 400), lines.get)
    assert "\x1b" not in shown[0]
    assert max(map(len, shown)) < 180


def test_each_file_is_read_once():
    reads = []

    def lines(file):
        reads.append(file)
        return LINES[file]

    assert texts([problem(1, 1), problem(2, 1)], lines).count("\n\n") == 1
    assert reads == ["a.yaml"]


def test_dict_is_json_and_leaves_out_what_is_empty():
    found = as_dict(problem(2, 3, path="$.spec", severity=Severity.WARNING))
    assert json.loads(json.dumps(found)) == {
        "code": "AGW1034", "severity": "warning", "message": "found 0", "path": "$.spec", "file": "a.yaml", "line": 2,
        "column": 3,
    }  # fmt: skip


def test_github_annotations_are_escaped():
    odd = Problem(
        "AGW1001", "100%\nbad", Severity.INFO, "Secret a/b", 1, "$.x", Position("a,b:c.yaml", 1, 2), "do: this"
    )
    assert github(odd) == (
        "::notice file=a%2Cb%3Ac.yaml,line=1,col=2,title=AGW1001::Secret a/b $.x: 100%25%0Abad%0Ado: this"
    )
    assert github(Problem("AGW1001", "x")) == "::error title=AGW1001::x"


def test_a_document_without_a_kind_may_be_a_secret():
    lines = {
        "a.yaml": ["kind: Backend", "spec: shown", "---", "data:", "  key: hidden", "---", "kind: Gateway", "x: shown"]
    }
    assert "  5 |   key: <redacted>" in excerpt(problem(5, 3), lines.get)
    assert "  2 | spec: shown" in excerpt(problem(2, 1), lines.get)
    assert "  8 | x: shown" in excerpt(problem(8, 1), lines.get)
