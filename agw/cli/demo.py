"""The demonstration: an agent, the gateway and a client, each in a process of its own, all started at once.

Agent and client are the official SDK's (agw.demo), the gateway is `agw run` with the shipped manifests of the seed
documentation, exactly as a user would start it. Whether traffic went through the gateway is asked of the gateway: its
own count of requests must have grown by what the client sent.

Rules: nothing outlives this process; the SDK is never imported here. Must not: know anything that `agw run` does not
tell any other caller (its JSON lines, its admin port).
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import urlsplit

import click

from agw._fastpath.process import prctl
from agw.cli.output import Exit, Failure, Style

KEYS = ("key-value-foo", "key-value-bar")
AGENT = "demo-a2a-agent-server:9999"
PORT, ADMIN_PORT = 8080, 15000
START_LIMIT = 60.0  # seconds for the gateway to be ready, on the slowest machine
_PR_SET_PDEATHSIG = 1
_HTTP_TIMEOUT = 10.0
_INSTALL = "pip install 'agw-gateway[demo]'"


def play(*, once: bool) -> int:
    """Start everything, have the conversation, and go on serving unless `once`; return the exit code."""
    _require_sdk()
    style = Style.of(sys.stdout)
    with ExitStack() as stack:
        _say(style.dim("starting agw, a Hello World agent and a client, both of the official a2a-sdk ..."))
        listening = stack.enter_context(_listen_somewhere(9999))
        agent_port = listening.getsockname()[1]
        agent = stack.enter_context(_child(_agent_command(listening), pass_fds=(listening.fileno(),)))
        client = stack.enter_context(_child([sys.executable, "-m", "agw.demo.client"]))
        gateway = stack.enter_context(_gateway(agent_port))
        _say(style.dim("  the gateway is ready"))
        _wait_for(agent, "agent", style)
        _wait_for(client, "client", style)
        _introduce(gateway, agent_port, style)
        ok = _converse(client, gateway, style)
        if not ok:
            return Exit.FAILED
        if once:
            return Exit.OK
        return _serve_on(gateway, style)


def _require_sdk() -> None:
    missing = [name for name in ("a2a", "uvicorn", "starlette", "sse_starlette") if not importlib.util.find_spec(name)]
    if missing:
        raise Failure(
            "the demo's agent and client are the official a2a-sdk's, which is not installed here",
            hint=f"{_INSTALL}   (everything but the demo works without it)",
        )


def _say(text: str = "") -> None:
    click.echo(text, color=Style.of(sys.stdout).on)


def _listen_somewhere(port: int) -> socket.socket:
    """Listen on the port, or on any free one where that is taken."""
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError:
        return socket.create_server(("127.0.0.1", 0))


def _free_or_any(port: int) -> int:
    """Return the port if nobody has it, else 0, which lets the kernel choose."""
    try:
        with socket.create_server(("127.0.0.1", port)):
            return port
    except OSError:
        return 0


def _agent_command(listening: socket.socket) -> list[str]:
    return [sys.executable, "-m", "agw.demo.agent", "--attached", "--fd", str(listening.fileno())]


def _die_with_parent() -> None:
    """Run in the child: a gateway must not outlive a demo that was killed."""
    prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@contextmanager
def _child(command: list[str], **options: Any) -> Iterator[subprocess.Popen[str]]:  # noqa: ANN401 - Popen's own keywords
    """Run a program out of reach of the terminal's Ctrl-C: this process decides when it ends.

    Its stdin is a pipe, and its end is the sign to stop; after that it is told, and then made to.
    """
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, **options}
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command,
        text=True,
        process_group=0,
        preexec_fn=_die_with_parent,  # noqa: PLW1509 - before any thread of ours
        **options,
    )
    try:
        yield process
    finally:
        if process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()
        process.terminate()
        try:
            process.wait(timeout=_HTTP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(process: subprocess.Popen[str], name: str, style: Style) -> None:
    """Wait for the first line of a child, which says that it is ready."""
    assert process.stdout is not None  # noqa: S101 - a pipe, see _child
    if not process.stdout.readline():
        raise Failure(f"the {name} did not start; what it said is above")
    _say(style.dim(f"  the {name} is ready"))


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway that is ready. url: of its listener. curl: the request that its banner offers. folder: its manifests."""

    process: subprocess.Popen[str]
    url: str
    admin: str
    curl: str
    folder: str
    command: str

    def requests(self) -> int:
        """Ask the gateway how many requests it has answered."""
        from http.client import HTTPConnection  # noqa: PLC0415 - beside its use

        admin = urlsplit(self.admin)
        connection = HTTPConnection(admin.hostname or "", admin.port or 80, timeout=_HTTP_TIMEOUT)
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        return count_requests(text)


def count_requests(metrics: str) -> int:
    """Sum the samples of the request counter in a text exposition."""
    samples = (line.rpartition(" ") for line in metrics.splitlines())
    return int(sum(float(value) for name, _, value in samples if name.partition("{")[0] == "agw_requests_total"))


@contextmanager
def _gateway(agent_port: int) -> Iterator[Gateway]:
    """Run `agw run` on the shipped manifests and wait until it says that it is ready."""
    from agw.data import example_folder  # noqa: PLC0415 - beside its use

    folder = _shown(str(example_folder("seed")))
    flags = ["-f", folder, "--listen", f"80=127.0.0.1:{_free_or_any(PORT)}"]
    flags += ["--resolve", f"{AGENT}=127.0.0.1:{agent_port}"]
    admin = ["--admin", f"127.0.0.1:{_free_or_any(ADMIN_PORT)}", "--log-format", "json"]
    command = [sys.executable, "-m", "agw", "run", *flags, *admin]
    with _child(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None  # noqa: S101 - asked for above
        said = _until_ready(process, process.stderr)
        yield Gateway(
            process=process,
            url=next((event["url"] for event in said if event.get("event") == "listener" and event.get("url")), ""),
            admin=said[-1]["admin"],
            curl=said[-1].get("try", ""),
            folder=folder,
            command=" ".join(["agw", "run", *flags]),
        )


def _shown(folder: str) -> str:
    """Return the folder as one would type it here."""
    relative = os.path.relpath(folder)
    return folder if relative.startswith("..") else relative


def _until_ready(process: subprocess.Popen[str], lines: IO[str]) -> list[dict[str, Any]]:
    """Collect the gateway's events up to `start`; Failure with its last words where it ends instead."""
    said: list[dict[str, Any]] = []
    heard: list[str] = []
    watchdog = threading.Timer(START_LIMIT, process.kill)
    watchdog.start()
    try:
        for line in lines:
            heard.append(line.rstrip("\n"))
            with suppress(ValueError):
                event = json.loads(line)
                if isinstance(event, dict):
                    said.append(event)
                    if event.get("event") == "start":
                        threading.Thread(target=_drain, args=(lines,), daemon=True).start()
                        return said
    finally:
        watchdog.cancel()
    raise Failure("the gateway did not start:\n" + "\n".join(heard[-20:]))


def _drain(lines: IO[str]) -> None:
    """Keep the gateway's stderr flowing; what it warns of is shown."""
    with suppress(ValueError):
        for line in lines:
            with suppress(ValueError):
                event = json.loads(line)
                if event.get("level") in {"warning", "error"}:
                    click.echo(f"agw: {event.get('event')} {event.get('problem', '')}".rstrip(), err=True)


def _introduce(gateway: Gateway, agent_port: int, style: Style) -> None:
    _say()
    _say(f"{style.bold('agent')}      http://127.0.0.1:{agent_port}/   (its card says so, too)")
    _say(f"{style.bold('gateway')}    {gateway.url}   listener port 80 of the manifests in {gateway.folder}")
    _say(f"{style.bold('admin')}      {gateway.admin}/readyz?verbose")
    _say()


def _converse(client: subprocess.Popen[str], gateway: Gateway, style: Style) -> bool:
    """Have the client talk, show each step, and hold the gateway's count against the client's."""
    assert client.stdin is not None  # noqa: S101 - pipes, see _child
    assert client.stdout is not None  # noqa: S101 - pipes, see _child
    before = gateway.requests()
    client.stdin.write(json.dumps({"url": gateway.url, "keys": KEYS}) + "\n")
    client.stdin.flush()
    ok, total = True, None
    for line in client.stdout:
        step = json.loads(line)
        if "requests" in step:
            total = step
        else:
            ok = ok and step["ok"]
            _show_step(step, style)
    if total is None:
        raise Failure("the client ended in the middle of the conversation")
    counted = gateway.requests() - before
    through = counted == total["requests"] and list(total["sent_to"]) == [urlsplit(gateway.url).netloc]
    text = f"the client sent {total['requests']} requests, the gateway counted {counted}"
    _show_step({"step": "through the gateway", "ok": through, "text": text}, style)
    return bool(ok and through)


def _show_step(step: dict[str, Any], style: Style) -> None:
    mark = style.good("ok  ") if step["ok"] else style.error("FAIL")
    _say(f"{mark} {step['step']:<28} {step['text']}")


def _how_to_go_on(gateway: Gateway, style: Style) -> None:
    header = f"-H 'Authorization: Bearer {KEYS[0]}'"
    message = '{"role":"ROLE_USER","messageId":"1","parts":[{"text":"hello"}]}'
    request = f'{{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{{"message":{message}}}}}'
    _say()
    _say(style.bold("Still serving; Ctrl-C ends it. Try:"))
    _say(f"  curl {header} {gateway.url}/.well-known/agent-card.json")
    _say(f"  curl {header} -H 'A2A-Version: 1.0' -H 'Content-Type: application/json' {gateway.url}/ \\")
    _say(f"       -d '{request}'")
    _say(f"  curl {gateway.admin}/metrics")
    _say(style.bold("Go on:"))
    _say(f"  agw check -f {gateway.folder}     what a controller would say of these manifests")
    _say("  agw run --agent http://localhost:PORT --key alice --write ./gw     in front of your own agent")
    _say(f"{style.dim('This gateway is')} {gateway.command}")


def _serve_on(gateway: Gateway, style: Style) -> int:
    """Serve until Ctrl-C, which is how a demo ends."""
    try:
        _how_to_go_on(gateway, style)
        code = gateway.process.wait()
    except KeyboardInterrupt:
        _say()
        return Exit.OK
    raise Failure(f"the gateway ended with {code}")
