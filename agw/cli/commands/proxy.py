"""`agw proxy`: a data plane that is configured by a controller; see agw.cli.proxy."""

from __future__ import annotations

import click

from agw.cli.options import color_option, listen_option, settings_options
from agw.settings import Address


@click.command("proxy")
@click.option("--controller", metavar="HOST:PORT", required=True, help="Where the controller publishes.")
@click.option("--gateway", metavar="NAMESPACE/NAME", required=True, help="The Gateway to serve.")
@click.option("--token", metavar="FILE", required=True, help="The ServiceAccount token; read at every connection.")
@click.option("--ca", metavar="FILE", required=True, help="The certificates to trust the controller by (PEM).")
@click.option("--state-dir", metavar="DIR", required=True, help="Where the last good configuration is kept.")
@listen_option
@color_option
@settings_options
def command(
    *,
    controller: str,
    gateway: str,
    token: str,
    ca: str,
    state_dir: str,
    listen: dict[int, Address],
    **settings: str | None,
) -> int:
    """Serve one Gateway as a controller publishes it: what runs in the pods of a Gateway in Kubernetes.

    \b
    agw proxy --controller agw-controller.agw.svc:9443 --gateway default/my-gateway \\
      --token /var/run/agw/token --ca /etc/agw/ca.crt --state-dir /var/lib/agw

    It is ready once a configuration is in force. Without the controller it serves the last good one, also after a
    restart, from the copy in --state-dir; `/readyz?verbose` of the admin port says which, and why.
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    from agw.cli import proxy  # noqa: PLC0415 - `--help` must not load it

    return proxy.serve(proxy.Options(controller, gateway, token, ca, state_dir, listen, settings))
