"""Types of the checks of a trace's context; for tests."""

from collections.abc import Sequence

def traceparent(value: bytes) -> bool:
    """Say whether it may be passed on."""

def tracestate(values: Sequence[bytes]) -> bool:
    """Say whether these values, a field each and at most 64, may be passed on."""
