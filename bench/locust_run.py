"""`python -m bench.locust_run`: A2A users on agw for a bounded time, and a report in HTML.

Starts the rig's small agent and agw with the seed's manifests (its key authentication on), runs locust headless over
them and writes bench/out/locust.html. The exit code is not 0 when one request failed.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench import OUT, ROOT, RigError
from bench.field import START_SECONDS, answers
from bench.peers import PEERS, SEED, Setup
from bench.procs import Process, free_port, raise_file_limit, started, wait_until
from bench.scenario import KEYS, Scenario, post

EVENTS = 5
INTERVAL_MS = 20
WORKERS = "2"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m bench.locust_run", description=__doc__.partition("\n")[0])
    options.add_argument("--users", type=int, default=50, help="users at once (%(default)s)")
    options.add_argument("--seconds", type=int, default=20, help="length of the run (%(default)s)")
    options.add_argument("--host", help="a gateway that already runs, instead of starting one")
    options.add_argument("--api-key", default=KEYS[0], help="the key that users present (%(default)s)")
    options.add_argument("--manifests", type=Path, default=SEED, help="what agw serves (%(default)s)")
    options.add_argument("--out", type=Path, default=OUT, help="folder of the report (%(default)s)")
    return options


def locust_command(options: argparse.Namespace, host: str) -> list[str]:
    """The headless run."""
    return [
        sys.executable,
        "-m",
        "locust",
        "-f",
        str(ROOT / "bench" / "locustfile.py"),
        "--headless",
        "--only-summary",
        "--host",
        host,
        "--users",
        str(options.users),
        "--spawn-rate",
        str(options.users),
        "--run-time",
        f"{options.seconds}s",
        "--stop-timeout",
        "5s",
        "--html",
        str(options.out / "locust.html"),
        "--exit-code-on-error",
        "1",
        "--api-key",
        options.api_key,
        "--stream-events",
        str(EVENTS),
    ]


def first_message() -> Scenario:
    """What shows that the gateway and the agent behind it are there: a message with an answer."""
    return Scenario("ready", "", (post(key=KEYS[0]),))


def serves(process: Process, port: int) -> bool:
    """Whether a message comes back through it; RigError when it has ended instead."""
    process.check()
    return answers(port, first_message(), any_length=True)


def start(stack: ExitStack, manifests: Path) -> str:
    """Agent and gateway; returns the gateway's URL."""
    home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="agw-locust-")))
    agent, gateway = free_port(), free_port()
    command = [sys.executable, "-m", "bench.agent", f"127.0.0.1:{agent}", str(EVENTS), str(INTERVAL_MS)]
    stack.enter_context(started("agent", command, None, home / "agent.log"))
    argv = PEERS["agw"].command(Setup(home, gateway, agent, manifests=manifests, arguments=("--workers", WORKERS)))
    process = stack.enter_context(started("agw", argv, None, home / "agw.log"))
    try:
        wait_until(lambda: serves(process, gateway), "a message through agw", START_SECONDS)
    except RigError as error:
        message = f"{error}\n{process.tail()}"
        raise RigError(message) from error
    return f"http://127.0.0.1:{gateway}"


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code of locust: 0 when all requests were answered as they should be; 1 also where it cannot run."""
    options = parser().parse_args(arguments)
    if importlib.util.find_spec("locust") is None:
        print("bench.locust_run: locust is not installed: pip install 'agw-gateway[bench]'", file=sys.stderr)
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    raise_file_limit()
    try:
        with ExitStack() as stack:
            host = options.host or start(stack, options.manifests)
            done = subprocess.run(locust_command(options, host), cwd=ROOT, check=False)
    except RigError as error:
        print(f"bench.locust_run: {error}", file=sys.stderr)
        return 1
    print(f"written: {options.out / 'locust.html'}")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
