"""`agw settings`: the table of process settings, generated from agw.settings."""

from __future__ import annotations

import dataclasses
import os

import click

from agw.cli.options import color_option, load_settings, output_option
from agw.cli.output import emit, table


@click.command("settings")
@output_option()
@color_option
def command(output: str) -> None:
    """List the process settings: flag, variable, default and the value in force.

    A flag of 'agw run' wins over its variable. Durations are written as in the Gateway API (2s, 500ms), sizes as
    Kubernetes quantities (8Mi).
    """
    from agw.settings import rows  # noqa: PLC0415 - beside its use

    listed = rows(load_settings(os.environ, {}))
    if output != "text":
        emit([dataclasses.asdict(row) for row in listed], output)
        return
    header = ("FLAG", "VARIABLE", "KIND", "DEFAULT", "VALUE", "MEANING")
    click.echo(table(header, ((r.flag, r.env, r.kind, r.default or "-", r.value or "-", r.help) for r in listed)))
