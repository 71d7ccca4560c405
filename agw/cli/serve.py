"""What `agw run` does: put a configuration source, the supervisor and the start banner together.

Both ways of starting meet here: files that are watched, and manifests made for one agent that never change. Either
way the same reader, translation and supervisor work; only where the text comes from differs.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import SplitResult

import click

from agw.cli import banner, card, manifests
from agw.cli.output import Exit, Failure, Style, note
from agw.cli.problems import show, with_near_paths
from agw.cli.source import FileReader, Source, TextReader
from agw.cli.watch import Watch
from agw.dataplane.logs import Log
from agw.dataplane.state import State
from agw.dataplane.supervisor import run_supervisor
from agw.errors import ConfigurationError
from agw.settings import Address, Settings

POLL_MS = 500
AGENT_PORT = 8080  # where the listener of --agent is served, root or not
_THIS_HOST = frozenset({"localhost", "127.0.0.1", "::1"})
_CONTAINER_HINT = "docker run --add-host=host.docker.internal:host-gateway ... --agent http://host.docker.internal:PORT"
_CANNOT_LISTEN = frozenset({"AGW3001", "AGW3002"})


@dataclass(frozen=True, slots=True)
class Options:
    """The flags that both ways of starting share."""

    listen: Mapping[int, Address]
    resolve: Mapping[tuple[str, int], Address]
    watch: str
    settings: Settings
    made_key: tuple[str, str] = ("", "")  # (consumer, key) that --key made


def files(paths: tuple[str, ...], options: Options) -> int:
    """Serve files and folders; return the exit code."""
    roots = tuple(Path(path) for path in paths)
    watch = None if options.watch == "off" else Watch(roots, poll_ms=POLL_MS if options.watch == "poll" else 0)
    return _serve(Source(FileReader(roots), watch, options.resolve), options)


def agent(url: str, *, key: str | None, folder: str | None, options: Options) -> int:
    """Serve one agent; return the exit code."""
    parsed = _agent_url(url)
    consumer, secret = _new_key(key)
    prefix = _meet(parsed)
    made = manifests.make(parsed, prefix, consumer, secret)
    if folder:
        saved = " and ".join(str(path) for path in manifests.write(made, Path(folder)))
        note(f"saved {saved}; serve them with: agw run -f {folder}")
    if secret:
        _show_key(consumer, secret)
    listen = {80: Address(options.settings.bind, AGENT_PORT), **options.listen}
    if not consumer:
        _warn_if_open(listen)
    reader = TextReader({manifest.name: manifest.text for manifest in made})
    return _serve(Source(reader, None), replace(options, listen=listen, made_key=(consumer, secret)))


def _agent_url(text: str) -> SplitResult:
    try:
        url = card.agent_url(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r}: {error}.", param_hint="'--agent'") from None
    if url.scheme == "https":
        raise Failure(
            f"{text}: agw does not speak TLS to agents yet",
            hint="give the agent's plain HTTP port (http://HOST:PORT), or put a TLS client such as stunnel between them.",
            code=Exit.USAGE,
        )
    return url


def _new_key(consumer: str | None) -> tuple[str, str]:
    """Return (consumer, key); both empty where no key is asked for."""
    if consumer is None:
        return "", ""
    import secrets  # noqa: PLC0415 - beside its use

    try:
        return manifests.check_consumer(consumer), secrets.token_urlsafe(32)
    except ValueError as error:
        raise click.BadParameter(f"{consumer!r} {error}.", param_hint="'--key'") from None


def _meet(url: SplitResult) -> str:
    """Say which agent answers at the URL, and return the path that it lives under."""
    style = Style.of(sys.stderr)
    try:
        found = card.fetch(url)
    except card.CardError as error:
        what = "does not answer" if error.down else "has no agent card"
        then = "serving it all the same: 503 until it is up" if error.down else "clients will not find it by its URL"
        note(f"{style.warning('warning:')} {url.geturl()} {what} ({error}); {then}")
        if error.down and _in_container() and url.hostname in _THIS_HOST:
            note(f"{style.dim('hint:')} in a container, {url.hostname} is the container itself: {_CONTAINER_HINT}")
        return url.path
    streaming = "streaming" if found.streaming else "no streaming"
    spoken = ", ".join(dict.fromkeys(f"{each.binding} {each.version}" for each in found.interfaces)) or "no interface"
    note(f"{style.good('found')} {found.name} {found.version} at {found.base}: {spoken}; {streaming}")
    prefix = found.base.removeprefix(f"{url.scheme}://{url.netloc}")
    for outside in card.outside(found, prefix):
        text = (
            f"its card sends clients to {outside}, which is not under {prefix}: give --agent the URL without the path"
        )
        note(f"{style.warning('warning:')} {text}")
    return prefix


def _in_container() -> bool:
    return any(Path(mark).exists() for mark in ("/.dockerenv", "/run/.containerenv"))


def _show_key(consumer: str, secret: str) -> None:
    """Print the key, this once; it is payload, and nothing else goes to stdout."""
    note(f"API key of {consumer}, shown this once (agw itself keeps its SHA-256):")
    click.echo(secret)


def _warn_if_open(listen: Mapping[int, Address]) -> None:
    from ipaddress import ip_address  # noqa: PLC0415 - beside its use

    for address in listen.values():
        try:
            local = ip_address(address.host).is_loopback
        except ValueError:
            local = address.host == "localhost"
        if not local:
            style = Style.of(sys.stderr)
            text = f"whoever reaches {address} reaches the agent: ask for a key with --key NAME"
            note(f"{style.warning('warning:')} {text}")


def _serve(source: Source, options: Options) -> int:
    """Run until a signal ends it. A first configuration that cannot be used ends it at once."""
    first = source.first()
    if first.entries is None:
        note(show(with_near_paths(first.problems), Style.of(sys.stderr)) + "\n")
        raise Failure("the configuration cannot be used, so nothing is served")
    try:
        return asyncio.run(_supervise(source, options))
    except ConfigurationError as error:
        raise Failure("\n".join(str(problem) for problem in error.problems)) from None


async def _supervise(source: Source, options: Options) -> int:
    settings = options.settings
    log = Log(settings.log_level, settings.log_format)
    source.log_to(log)
    start = _Start(options.made_key)
    supervisor = asyncio.ensure_future(
        run_supervisor(source, settings, options.listen, options.resolve, log=log, on_state=start.look)
    )
    failed = asyncio.ensure_future(start.failed.wait())
    await asyncio.wait({supervisor, failed}, return_when=asyncio.FIRST_COMPLETED)
    failed.cancel()
    if supervisor.done():
        return supervisor.result()
    supervisor.cancel()
    await asyncio.gather(supervisor, return_exceptions=True)
    raise Failure("\n".join(start.reasons))


class _Start:
    """Looks at the states until the gateway is ready, then shows the banner, once; or says why it cannot start."""

    def __init__(self, made_key: tuple[str, str]) -> None:
        self._made_key = made_key
        self.failed = asyncio.Event()
        self.reasons: tuple[str, ...] = ()
        self._over = False
        self._task: asyncio.Task[None] | None = None

    def look(self, state: State) -> None:
        """Take a new state; called in the loop."""
        if self._over:
            return
        if state.ready:
            self._over = True
            self._task = asyncio.get_running_loop().create_task(self._show(state))
            return
        refused = [problem for problem in state.problems if problem.code in _CANNOT_LISTEN]
        if state.version and refused and not state.bound:
            self._over = True
            self.reasons = tuple(str(problem) for problem in refused)
            self.failed.set()

    async def _show(self, state: State) -> None:
        """Ask the agents who they are, in threads: the gateway serves meanwhile."""
        shown = banner.build(state, await asyncio.to_thread(banner.agents, state))
        if sys.stderr.isatty():
            text = banner.text(banner.with_key(shown, *self._made_key), Style.of(sys.stderr))
        else:
            text = banner.json_lines(shown)
        click.echo(text, err=True, nl=False, color=True)
