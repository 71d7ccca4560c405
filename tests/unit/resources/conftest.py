"""Decoding one text in a test."""

import pytest

from agw.resources.decode import decode
from agw.resources.load import load


@pytest.fixture
def loaded(tmp_path):
    """Load a text as the only file of a folder."""

    def load_text(text, name="file.yaml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load([path])

    return load_text


@pytest.fixture
def findings():
    """Codes and places (line and column from 1) of all findings in a text."""

    def of(text, *, as_json=False):
        return [
            (found.code, found.line + 1, found.column + 1)
            for item in decode(text, as_json=as_json).items
            for found in item.findings
        ]

    return of
