"""`agw run`: flags to a gateway that serves; see agw.cli.serve."""

from __future__ import annotations

import os

import click

from agw.cli.options import color_option, files_option, listen_option, load_settings, resolve_option, settings_options
from agw.settings import Address


@click.command("run")
@files_option(required=False)
@click.option("--agent", metavar="URL", help="Serve this agent, without manifests; -f and --agent exclude each other.")
@click.option("--key", metavar="NAME", help="With --agent: ask for an API key, made now for the consumer NAME.")
@click.option("--write", metavar="DIR", help="With --agent: save the manifests that it makes.")
@listen_option
@resolve_option
@click.option(
    "--watch",
    type=click.Choice(["auto", "poll", "off"]),
    default="auto",
    show_default=True,
    help="How changes of files are seen; poll is for mounts that send no events.",
)
@color_option
@settings_options
def command(  # noqa: PLR0913 - one parameter for each flag
    *,
    files: tuple[str, ...],
    agent: str | None,
    key: str | None,
    write: str | None,
    listen: dict[int, Address],
    resolve: dict[tuple[str, int], Address],
    watch: str,
    **settings: str | None,
) -> int:
    """Serve the Gateways of the files, and follow every change of them; or serve one agent, with no file at all.

    \b
    agw run -f ./gateway --listen 80=127.0.0.1:8080
    agw run --agent http://localhost:9999 --key alice

    A change that cannot be used as a whole changes nothing: the last good configuration stays in force, and what is
    wrong is logged with file, line and column, and shown on the admin port. Without the right to listen below port
    1024, listener ports move up by 8000: 80 is served on 8080.
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    if bool(files) == bool(agent):
        raise click.UsageError("give either -f PATH or --agent URL: what is to be served.")
    if files and (key is not None or write is not None):
        raise click.UsageError("--key and --write go with --agent; with -f, keys are Secrets in the files.")
    from agw.dataplane.cores import worker_count  # noqa: PLC0415 - `--help` must not load it
    from agw.dataplane.descriptors import raise_limit  # noqa: PLC0415 - nor this
    from agw.dataplane.interpreters import started_ahead  # noqa: PLC0415 - nor this

    process = load_settings(os.environ, settings)

    raise_limit()
    with started_ahead(worker_count(process.workers)):
        from agw.cli import serve  # noqa: PLC0415 - it takes as long to load as a worker

        options = serve.Options(listen=listen, resolve=resolve, watch=watch, settings=process)
        if agent:
            return serve.agent(agent, key=key, folder=write, options=options)
        return serve.files(files, options)
