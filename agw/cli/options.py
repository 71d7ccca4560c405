"""Options that several commands share, and the ones made from the table of process settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from agw.cli.output import Exit, Failure, Style
from agw.settings import TABLE, Address, Settings, SettingsError

Function = TypeVar("Function", bound=Callable[..., Any])


def _set_color(ctx: click.Context, param: click.Parameter, value: str) -> None:  # noqa: ARG001 - click's signature
    Style.choice = value


def color_option(function: Function) -> Function:
    """Add `--color`; without it, NO_COLOR, FORCE_COLOR and whether the stream is a terminal decide."""
    return click.option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        show_default=True,
        is_eager=True,
        expose_value=False,
        callback=_set_color,
        help="Colour the output.",
    )(function)


def output_option(*extra: str) -> Callable[[Function], Function]:
    """Add `-o`: text, json, yaml and what else a command has; the parameter is `output`."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(["text", "json", "yaml", *extra]),
        default="text",
        show_default=True,
        help="Form of the output.",
    )


def files_option(*, required: bool) -> Callable[[Function], Function]:
    """Add `-f`: files and folders of manifests; the parameter is `files`, a tuple."""
    return click.option(
        "-f",
        "--file",
        "files",
        metavar="PATH",
        multiple=True,
        required=required,
        help="A manifest file or a folder of them; may be repeated.",
    )


def _listen(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[int, Address]:
    """Read each `PORT=ADDR:PORT`: the listener port of a Gateway, and where it is served."""
    if not values:
        return {}
    from agw.dataplane.ports import parse_listen  # noqa: PLC0415 - `--help` must not load it

    served: dict[int, Address] = {}
    for value in values:
        try:
            port, address = parse_listen(value)
        except ValueError as error:
            message = f"{value!r}: {error}."
            raise click.BadParameter(message, ctx, param) from None
        if port in served:
            message = f"listener port {port} is given twice."
            raise click.BadParameter(message, ctx, param)
        served[port] = address
    return served


def _resolve(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[tuple[str, int], Address]:
    """Read each `HOST:PORT=ADDR:PORT`: where a backend's name is."""
    if not values:
        return {}
    from agw.dataplane.resolve import parse_resolve  # noqa: PLC0415 - `--help` must not load it

    found: dict[tuple[str, int], Address] = {}
    for value in values:
        try:
            name, address = parse_resolve(value)
        except ValueError as error:
            message = f"{value!r}: {error}."
            raise click.BadParameter(message, ctx, param) from None
        found[name] = address
    return found


def listen_option(function: Function) -> Function:
    """Add `--listen`; the parameter is `listen`, a dict of listener port to Address."""
    return click.option(
        "--listen",
        metavar="PORT=ADDR:PORT",
        multiple=True,
        callback=_listen,
        help="Serve a Gateway's listener port on this address, such as 80=127.0.0.1:8080; may be repeated.",
    )(function)


def resolve_option(function: Function) -> Function:
    """Add `--resolve`; the parameter is `resolve`, a dict of (host, port) to Address."""
    return click.option(
        "--resolve",
        metavar="HOST:PORT=ADDR:PORT",
        multiple=True,
        callback=_resolve,
        help="Where the host of a backend is, as curl's --resolve; may be repeated.",
    )(function)


def settings_options(function: Function) -> Function:
    """Add a flag for each process setting; the text of those given arrives as keyword arguments, None for the rest."""
    for setting in reversed(TABLE):
        default = f"default {setting.default}" if setting.default else "default empty"
        function = click.option(
            setting.flag,
            setting.name,
            metavar="|".join(setting.choices) or setting.kind.name,
            default=None,
            help=f"{setting.help[0].upper()}{setting.help[1:]} [{setting.env}, {default}].",
        )(function)
    return function


def load_settings(env: Mapping[str, str], overrides: Mapping[str, str | None]) -> Settings:
    """Read the settings; every one that cannot be read is named, and the command ends with 2."""
    try:
        return Settings.load(env, overrides)
    except SettingsError as error:
        raise Failure(
            "\n       ".join(error.problems), hint="'agw settings' lists them all.", code=Exit.USAGE
        ) from None
