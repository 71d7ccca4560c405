"""`agw help CODE`: what a problem code means, offline."""

from __future__ import annotations

from difflib import get_close_matches

import click

from agw.cli.options import color_option, output_option
from agw.cli.output import Exit, Failure, emit


@click.command("help")
@click.argument("code", required=False)
@output_option()
@color_option
def command(code: str | None, output: str) -> None:
    """Explain the problem CODE; without one, list them all.

    AGW1xxx are about what a file says, AGW2xxx about what objects mean together, AGW3xxx about the running gateway.
    """
    from agw.cli.codes import explanations  # noqa: PLC0415 - beside its use

    known = explanations()
    if code is None:
        wanted = known
    elif code.upper() in known:
        wanted = {code.upper(): known[code.upper()]}
    else:
        near = get_close_matches(code.upper(), known, n=1)
        hint = f"Did you mean {near[0]}?" if near else "'agw help' lists them all; 'agw --help' lists the commands."
        raise Failure(f"there is no code {code}", hint=hint, code=Exit.USAGE)
    if output != "text":
        emit(wanted, output)
        return
    for name, text in wanted.items():
        click.echo(f"{name}: {text}")
