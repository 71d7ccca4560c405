"""`agw demo`: the whole thing on one machine; see agw.cli.demo."""

from __future__ import annotations

import click

from agw.cli.options import color_option


@click.command("demo")
@click.option("--once", is_flag=True, help="End after the conversation.")
@color_option
def command(*, once: bool) -> int:
    """Start a real A2A agent and agw in front of it, and have a conversation through agw.

    The manifests are the ones of the documentation: a Backend, a Gateway, an HTTPRoute, and API keys. Every step is
    printed; then the gateway goes on serving until Ctrl-C, so that you can go on from there.
    """
    from agw.cli.demo import play  # noqa: PLC0415 - `--help` must not load it

    return play(once=once)
