"""Translation as data: `NAME.in.yaml` is what a user writes, `NAME.out.yaml` what comes of it.

The output has the entries of each Gateway (digests in hex: these keys are test data), the statuses, the problems as a
user reads them, and the losers. `pytest --update-golden` rewrites; the diff is the review.
"""

from pathlib import Path

import msgspec
import pytest
import yaml

from agw.resources.load import load
from agw.snapshot.codec import to_document
from agw.translate import translate
from agw.translate.check import report

HERE = Path(__file__).parent
CASES = sorted(path.name.removesuffix(".in.yaml") for path in HERE.glob("*.in.yaml"))


class Dumper(yaml.SafeDumper):
    def ignore_aliases(self, _data):
        return True


def outcome(name, monkeypatch):
    monkeypatch.chdir(HERE)
    loaded = load([Path(f"{name}.in.yaml")])
    assert loaded.problems == (), "the input must decode: this is a test of translation"
    translation = translate(loaded.resources)
    checked = report(loaded.resources, translation)
    document = {
        "ok": checked.ok,
        "snapshots": {
            gateway: to_document(entries, digests=True) for gateway, entries in sorted(translation.snapshots.items())
        },
        "statuses": {str(key): msgspec.json.decode(msgspec.json.encode(status)) for key, status in checked.statuses},
        "problems": [str(problem) for problem in translation.problems],
        "losers": [
            " ".join(part for part in (str(loser.object), loser.path, f"{loser.reason}: {loser.message}") if part)
            for loser in translation.losers
        ],
        "orphans": [f"{row.object} {row.part}: {row.note}" for row in checked.rows if row.orphan],
        "notOurs": [f"{key}: {reason}" for key, reason in checked.others],
    }
    return yaml.dump(document, Dumper=Dumper, sort_keys=False, width=120, allow_unicode=True)


@pytest.mark.parametrize("name", CASES)
def test_golden(name, monkeypatch, update_golden):
    actual, expected = outcome(name, monkeypatch), HERE / f"{name}.out.yaml"
    if update_golden:
        expected.write_text(actual, encoding="utf-8")
    assert actual == expected.read_text(encoding="utf-8")


def test_every_output_has_an_input():
    assert {path.name.removesuffix(".out.yaml") for path in HERE.glob("*.out.yaml")} == set(CASES)


def test_there_are_cases():
    assert len(CASES) >= 25
