"""The command line: wiring only.

What a command does lives in the layers below; here are its flags, where its output goes and which exit code it ends
with. Rules: one module per command in `agw.cli.commands`, loaded when it is named; a module imports at its top only
what `--help` needs (click, agw.errors, agw.settings), and the rest inside the function that does the work. A test
holds `agw --help`, `--version` and completion to that.
"""

from __future__ import annotations


def main() -> None:
    """Run the `agw` command; the entry point of the distribution."""
    from agw.cli.app import run  # noqa: PLC0415 - importing agw.cli must cost nothing

    run()
