"""Durations of the Gateway API (GEP-2257): one to four numbers with h, m, s or ms, such as `1m30s`.

The schemas check the grammar; this counts. `0s` is zero, which fields read as "off".
"""

from __future__ import annotations

import re
from functools import lru_cache

_PART = re.compile(r"(\d+)(h|ms|m|s)")
_MILLISECONDS = {"h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
_FORM = re.compile(r"([0-9]{1,5}(h|m|s|ms)){1,4}")


@lru_cache(maxsize=1024)  # thousands of routes have a few durations between them
def milliseconds(text: str) -> int:
    """Count the milliseconds of a duration; ValueError where the text is none."""
    if _FORM.fullmatch(text) is None:
        msg = f"{text!r} is not a duration such as 30s, 500ms or 1m30s"
        raise ValueError(msg)
    return sum(int(number) * _MILLISECONDS[unit] for number, unit in _PART.findall(text))
