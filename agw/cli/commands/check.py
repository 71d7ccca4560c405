"""`agw check`: what a controller would say of these files, without a cluster; see agw.cli.check."""

from __future__ import annotations

import click

from agw.cli.options import color_option, files_option, output_option


@click.command("check")
@files_option(required=True)
@click.option("--strict", is_flag=True, help="Warnings fail, too.")
@output_option("github")
@color_option
def command(*, files: tuple[str, ...], strict: bool, output: str) -> int:
    """Print the status conditions that a controller would write for each object, and every problem with its place.

    Exit code 1 where anything is an error, a file that cannot be read included; with --strict also where there is a
    warning. Kinds that are not agw's are listed as skipped and judged by nobody. '-o github' writes annotations for a
    workflow.
    """
    from agw.cli.check import check  # noqa: PLC0415 - `--help` must not load it

    return check(files, strict=strict, form=output)
