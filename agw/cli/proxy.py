"""What `agw proxy` does: put a subscription at the controller and the supervisor together."""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from agw.cli.options import load_settings
from agw.cli.output import Failure
from agw.dataplane.dial import Where
from agw.dataplane.logs import Log
from agw.dataplane.subscription import Subscriber, Subscription
from agw.dataplane.supervisor import run_supervisor
from agw.errors import ConfigurationError
from agw.settings import Address, Settings, parse_address

# RFC 1123 subdomains, as the API server takes them for namespaces and Gateways.
_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_GATEWAY = re.compile(rf"{_LABEL}/{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_LONGEST = 63 + 1 + 253


@dataclass(frozen=True, slots=True)
class Options:
    """The flags, as given. settings: text of the settings' flags, None where not given."""

    controller: str
    gateway: str
    token: str
    bundle: str
    folder: str
    listen: Mapping[int, Address]
    settings: Mapping[str, str | None]


def serve(options: Options) -> int:
    """Serve until a signal ends it; return the exit code."""
    settings = load_settings(os.environ, options.settings)
    where = Where(_controller(options.controller), Path(options.token), Path(options.bundle))
    subscriber = Subscriber(_gateway(options.gateway), socket.gethostname(), Path(options.folder))
    try:
        return asyncio.run(_supervise(where, subscriber, options.listen, settings))
    except ConfigurationError as error:
        raise Failure("\n".join(str(problem) for problem in error.problems)) from None


async def _supervise(where: Where, subscriber: Subscriber, listen: Mapping[int, Address], settings: Settings) -> int:
    log = Log(settings.log_level, settings.log_format)
    subscription = Subscription(where, subscriber, log)
    return await run_supervisor(subscription, settings, listen, log=log, on_state=subscription.look)


def _controller(text: str) -> Address:
    try:
        address = parse_address(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r}: {error}.", param_hint="'--controller'") from None
    if text.startswith(":") or not address.port:
        raise click.BadParameter(f"{text!r}: must be HOST:PORT.", param_hint="'--controller'")
    return address


def _gateway(text: str) -> str:
    if len(text) > _LONGEST or not _GATEWAY.fullmatch(text):
        raise click.BadParameter(f"{text!r}: must be NAMESPACE/NAME of a Gateway.", param_hint="'--gateway'")
    return text
