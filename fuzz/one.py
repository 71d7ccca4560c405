"""One harness in this process, with libFuzzer's own arguments: what the runner starts, and what repeats a finding.

make fuzz FUZZ=request ARGS=build/fuzz/findings/request-crash-...
"""

from __future__ import annotations

import sys

from fuzz import native


def main() -> None:
    """Hand the process over to libFuzzer."""
    native.use()
    from fuzz import engine, heads, parts, streams  # noqa: PLC0415 - they exist in the variant alone

    name, *arguments = sys.argv[1:]
    # libFuzzer starts itself again by its first argument, through a shell (for -merge and -minimize_crash).
    again = f"{sys.executable} -m fuzz.one {name}"
    engine.fuzz({**heads.targets(), **parts.targets(), **streams.targets()}[name], [again, *arguments])


if __name__ == "__main__":
    main()
