"""`agw explain`: which route takes a request, and why the others do not; see agw.cli.explain."""

from __future__ import annotations

import click

from agw.cli.options import color_option, files_option, output_option, resolve_option
from agw.settings import Address


def _headers(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Read each `Name: value`."""
    headers = []
    for value in values:
        name, colon, text = value.partition(":")
        if not colon or not name.strip() or name != name.strip():
            message = f"{value!r} must be 'Name: value'."
            raise click.BadParameter(message, ctx, param)
        headers.append((name, text.strip()))
    return tuple(headers)


@click.command("explain")
@files_option(required=True)
@click.argument("method")
@click.argument("url")
@click.option(
    "-H",
    "--header",
    "headers",
    metavar="'NAME: VALUE'",
    multiple=True,
    callback=_headers,
    help="A header of the request, as curl's -H; may be repeated.",
)
@resolve_option
@output_option()
@color_option
def command(
    *,
    files: tuple[str, ...],
    method: str,
    url: str,
    headers: tuple[tuple[str, str], ...],
    resolve: dict[tuple[str, int], Address],
    output: str,
) -> int:
    """Say which listener, route, rule, policy and backend take a request, and why the others do not.

    \b
    agw explain -f ./gateway POST http://localhost:8080/ -H 'X-API-Key: key-value-foo'

    Nothing is sent, and no key is shown. Exit code 0 where the request would be forwarded, 1 where it would be refused.
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    from agw.cli.explain import explain  # noqa: PLC0415 - `--help` must not load it

    return explain(files, (method, url, headers), resolve, form=output)
