"""Types of the head parser's functions for tests and benches."""

from collections.abc import Iterable
from typing import Any

def parse_request(
    pieces: Iterable[bytes], max_head: int = 65536, max_line: int = 16384, max_fields: int = 100
) -> dict[str, Any] | int | None:
    """Feed the pieces one by one: None (incomplete), a status, or the head."""

def parse_response(
    pieces: Iterable[bytes], to_head_request: bool = False, max_head: int = 65536, max_line: int = 16384
) -> dict[str, Any] | int | None:
    """Feed the pieces one by one: None (incomplete), 502, or the head."""

def bench_parse(data: bytes, n: int) -> int:
    """Parse the same complete head n times."""
