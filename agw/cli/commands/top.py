"""`agw top`: what each agent is asked just now; see agw.cli.top."""

from __future__ import annotations

import click

from agw.cli.options import color_option, output_option
from agw.settings import Address, Settings, parse_address


def _address(ctx: click.Context, param: click.Parameter, value: str | None) -> Address | None:
    """Read `HOST:PORT`."""
    if value is None:
        return None
    try:
        return parse_address(value)
    except ValueError as error:
        message = f"{value!r}: {error}."
        raise click.BadParameter(message, ctx, param) from None


@click.command("top")
@click.argument("agent", required=False, default="")
@click.option(
    "--admin",
    metavar="HOST:PORT",
    envvar="AGW_ADMIN",
    callback=_address,
    help=f"Where the gateway's admin port is. [AGW_ADMIN, default {Settings.load({}).admin}]",
)
@click.option("--once", is_flag=True, help="Print the table once, as where the output is no terminal.")
@click.option(
    "--interval",
    type=click.FloatRange(0.1, 60),
    default=1.0,
    show_default=True,
    help="Seconds between two looks, over which rates and times are taken.",
)
@output_option()
@color_option
def command(*, agent: str, admin: Address | None, once: bool, interval: float, output: str) -> int:
    """Show what each agent is asked just now: requests, streams, failures, refusals, and how soon it answers.

    With AGENT (as the table names it) that one alone, and which operations it is asked for.

    Keys: q quits, o sorts by the next column. With --once, -o json or -o yaml, or where input or output is no terminal,
    the figures of one interval are printed and that is all. The gateway must run on this machine, or its admin port be
    forwarded here: from another one it is not read.
    """
    from agw.cli.top import Options, top  # noqa: PLC0415 - `--help` must not load it

    return top(Options(admin or Settings.load({}).admin, once, interval, output, agent))
