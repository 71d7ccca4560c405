"""Edits of heads, as tests call them."""

from collections.abc import Sequence
from typing import final

from agw.snapshot.model import HeaderEdit, PathEdit

@final
class HeaderEdits:
    """A compiled HeaderEdit."""

    def __new__(cls) -> HeaderEdits: ...

def edited(edit: HeaderEdit | None, fields: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Give the fields (name, value) that an edit leaves of at most 128."""

def changed_path(edit: PathEdit, path: bytes) -> bytes:
    """Give the path that a PathEdit makes of this one."""
