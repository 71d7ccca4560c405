"""`agw controller`: flags to a controller replica; see agw.cli.controller."""

from __future__ import annotations

import click

from agw.cli.options import color_option


@click.command("controller", context_settings={"auto_envvar_prefix": "AGW_CONTROLLER"})
@click.option(
    "--kubeconfig", metavar="FILE", default="", help="Default: as kubectl finds it, or the pod's own account."
)
@click.option("--namespace", envvar="POD_NAMESPACE", default="", help="The controller's own. [POD_NAMESPACE]")
@click.option("--name", envvar="POD_NAME", default="", help="Of this replica; default the host's. [POD_NAME]")
@click.option(
    "--service",
    default="ack-agent-gateway",
    show_default=True,
    help="The headless Service by which data planes find the controllers; the Lease is named like it, "
    "and the Secret of the certificates SERVICE-tls.",
)
@click.option("--image", envvar="AGW_IMAGE", default="", help="Image of the data planes. [AGW_IMAGE]")
@click.option(
    "--image-pull-policy",
    type=click.Choice(["Always", "IfNotPresent", "Never"]),
    default="IfNotPresent",
    show_default=True,
    help="Of that image.",
)
@click.option(
    "--replicas",
    type=click.IntRange(1, 1000),
    default=2,
    show_default=True,
    help="Pods of a data plane, where no parameters say otherwise.",
)
@click.option("--publish", metavar="HOST:PORT", default=":15010", show_default=True, help="Where data planes connect.")
@click.option(
    "--advertise",
    metavar="HOST:PORT",
    default="",
    help="What data planes are told; default SERVICE.NAMESPACE.svc:PORT.",
)
@click.option("--health", metavar="HOST:PORT", default=":15020", show_default=True, help="/livez, /readyz, /metrics.")
@click.option(
    "--cluster-domain",
    metavar="NAME",
    default="",
    help="Where the cluster's DNS names are below; default as the pod's resolver has it, or cluster.local.",
)
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
@color_option
def command(**flags: str | int) -> int:
    """Watch a cluster's Gateway API objects, and run a data plane for each Gateway of the class ack-agent-gateway.

    \b
    agw controller --image registry.example.com/agw:1.0 --namespace ack-agent-gateway

    One of several replicas leads: it translates, writes statuses, provisions and publishes; the others wait. Data planes
    serve on without it. Each flag can be given as a variable too, such as AGW_CONTROLLER_PUBLISH.
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    from agw.cli import controller  # noqa: PLC0415 - `--help` must not load it

    return controller.serve(controller.Flags(**flags))  # type: ignore[arg-type] # click has checked them
