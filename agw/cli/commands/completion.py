"""`agw completion SHELL`: a static script; see agw.cli.shells."""

from __future__ import annotations

import click

from agw.cli.options import color_option
from agw.cli.shells import SHELLS, script, verbs


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@color_option
def command(shell: str) -> None:
    """Print the completion script of SHELL.

    The script is static: a Tab starts nothing. Its first line says where to put it. Make it again after an upgrade.
    """
    from agw.cli.app import COMMANDS, cli  # noqa: PLC0415 - app imports this module

    click.echo(script(shell, verbs(cli, COMMANDS)), nl=False)
