"""The `agw` command group: which commands there are, and where each one's module is.

A command's module is imported when the command is named, so that `agw --help` and `agw --version` cost click and
nothing else. The summaries are therefore here, beside the names.
"""

from __future__ import annotations

import os
import sys
from difflib import get_close_matches
from importlib import import_module
from typing import NoReturn

import click

from agw import __version__
from agw.cli.output import Exit, Failure

COMMANDS: dict[str, str] = {
    "demo": "A real A2A agent, agw in front of it, and a conversation through it.",
    "run": "Serve: from files and folders, or in front of one agent (--agent URL).",
    "proxy": "Serve one Gateway in Kubernetes, as a controller publishes it.",
    "check": "Say what a controller would say of these files.",
    "top": "What each agent is asked just now, live.",
    "explain": "Say which route takes a request, and why the others do not.",
    "controller": "In Kubernetes: run a data plane for each Gateway, and keep it configured.",
    "settings": "List the process settings: flag, variable, default, value.",
    "completion": "Print the completion script of a shell.",
    "help": "Explain a problem code, such as AGW1001.",
}


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names of the commands, in the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import the command's module and return its `command`; None where there is no such command."""
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"agw.cli.commands.{cmd_name}").command
        if not isinstance(command, click.Command):
            raise TypeError(cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write the list of commands from the table, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a near miss is answered with what was probably meant."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            near = get_close_matches(name, COMMANDS, n=1)
            hint = f"Did you mean 'agw {near[0]}'?" if near else "'agw --help' lists the commands."
            ctx.fail(f"No such command {name!r}. {hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, "--version", message="agw %(version)s")
def cli() -> None:
    """A gateway for agent traffic: A2A through the Kubernetes Gateway API, on a laptop or in a cluster.

    \b
    Start here:
      agw demo                                    see it work, with nothing prepared
      agw run --agent http://localhost:9999       in front of your own agent
      agw run -f ./gateway                        from manifests, reloaded when they change
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped


def run() -> NoReturn:
    """Run the group; end with the exit code of the output contract."""
    try:
        code = cli.main(prog_name="agw", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(Exit.INTERRUPTED)
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
    except Failure as failure:
        failure.show()
        sys.exit(failure.code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of our output went away (`agw check | head`): nothing to say, and nowhere to say it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(Exit.FAILED)
    sys.exit(code if isinstance(code, int) else Exit.OK)
