"""The seed documentation, step by step, on a real cluster: each command as it is printed there, and what it prints here.

Rules: every output that the documentation shows is a `Step` with that output, and a pattern that ours must match: the same words,
where names, addresses, ages and identifiers differ. Nothing is set up behind the reader's back: what the documentation
does in a console (the chart) is a step too, with the command that does the same.
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.e2e.cluster.terminal import ROOT, Ran, Terminal
from tests.e2e.environments import interpreter

if TYPE_CHECKING:
    from collections.abc import Iterator

RELEASE = "ack-agent-gateway"
SEED = ROOT / "examples" / "seed"
CLIENT = ROOT / "tests" / "e2e" / "programs" / "cli_0_3.py"
ASKS_TEXT = "What do you want to send to the agent? (:q or quit to exit): "
ASKS_FILE = "Select a file path to attach? (press enter to skip): "
CARD = (
    r'\{"capabilities":\{"streaming":true\},"defaultInputModes":\["text"\],"defaultOutputModes":\["text"\],'
    r'"description":"Just a hello world agent","name":"Hello World Agent",.*\}'
)
MESSAGE = r'\{.*"kind":"message","messageId":".+","parts":\[\{"kind":"text","text":"Hello World"\}\],"role":"agent"\}'


@dataclass(frozen=True, slots=True)
class Step:
    """One command. printed: what the documentation shows after it, "" for nothing. pattern: what ours must match."""

    title: str
    ran: Ran
    pattern: str
    printed: str = ""

    def check(self) -> None:
        """AssertionError where ours is not what the documentation shows."""
        assert re.search(self.pattern, self.ran.output, re.MULTILINE | re.DOTALL), (
            f"{self.title}\n$ {self.ran.command}\n{self.ran.output}\n--- must match\n{self.pattern}"
        )


@dataclass
class Walkthrough:
    """Goes through the documentation once; `steps` has what was done. values: of `helm install`, for the image."""

    terminal: Terminal
    values: str
    steps: list[Step] = field(default_factory=list)
    address: str = ""

    def all(self) -> None:
        """Go from nothing to nothing."""
        self.install()
        self.deploy_agent()
        self.create_gateway()
        self.converse()
        self.authenticate()
        self.clean_up()

    def install(self) -> None:
        """Install the chart, which the documentation does in a console, with the default settings."""
        chart = f"helm install {RELEASE} charts/{RELEASE} -n {RELEASE} --create-namespace --wait{self.values}"
        self._step("Install ack-agent-gateway", self.terminal.run(chart), r"^STATUS: deployed$", "Deployed")
        self._step(
            "The class is there",
            self.terminal.until(f"kubectl get gatewayclass {RELEASE}", r"\bTrue\b"),
            rf"^{RELEASE} +agentgateway\.alibabacloud\.com/controller +True ",
        )

    def deploy_agent(self) -> None:
        """Step 1 of the documentation."""
        applied = self.terminal.run("kubectl apply -f a2a-server.yaml")
        self._step("Deploy the sample A2A service", applied, r"deployment.apps/demo-a2a created")
        pods = "kubectl get pod -l app.kubernetes.io/name=demo-a2a"
        self._step(
            "Check the pod status of the service",
            self.terminal.until(pods, r"1/1 +Running"),
            r"^NAME +READY +STATUS +RESTARTS +AGE\ndemo-a2a-\S+ +1/1 +Running +0 ",
            "NAME                        READY   STATUS    RESTARTS   AGE\n"
            "demo-a2a-77dd75ddcf-qn9jx   1/1     Running   0          13s",
        )

    def create_gateway(self) -> None:
        """Step 2 of the documentation."""
        applied = self.terminal.run("kubectl apply -f a2a-gateway.yaml")
        self._step("Create the gateway and related resources", applied, r"gateway.* created")
        ran = self.terminal.until("kubectl get gateway test-a2a-gateway", r"\d +True ")
        self._step(
            "Obtain the public access address of the gateway",
            ran,
            r"^NAME +CLASS +ADDRESS +PROGRAMMED +AGE\n"
            r"test-a2a-gateway +ack-agent-gateway +\d+\.\d+\.\d+\.\d+ +True +\S+$",
            "NAME               CLASS               ADDRESS      PROGRAMMED   AGE\n"
            "test-a2a-gateway   ack-agent-gateway   8.136.xx.xx  True         4m36s",
        )
        self.address = ran.output.splitlines()[1].split()[2]

    def converse(self) -> None:
        """Step 3 of the documentation."""
        self._step(
            "Access the A2A service through the gateway",
            self._client(),
            rf"^Will use headers: \{{\}}\n=+ Agent Card =+\n{CARD}\n=+ +starting a new task =+ *\n\n"
            rf"{re.escape(ASKS_TEXT)}hello\n{re.escape(ASKS_FILE)}\n"
            rf"stream event => {MESSAGE}\n{MESSAGE}\n",
            "Will use headers: {}\n"
            "======= Agent Card ========\n"
            '{"capabilities":{"streaming":true},"defaultInputModes":["text"],"defaultOutputModes":["text"],'
            '"description":"Just a hello world agent","name":"Hello World Agent",...}\n'
            "=========  starting a new task ========\n\n"
            "What do you want to send to the agent? (:q or quit to exit): hello\n"
            "Select a file path to attach? (press enter to skip):\n"
            'stream event => {"kind":"message","messageId":"...","parts":[{"kind":"text","text":"Hello World"}],'
            '"role":"agent"}\n'
            '{"kind":"message","messageId":"...","parts":[{"kind":"text","text":"Hello World"}],"role":"agent"}',
        )

    def authenticate(self) -> None:
        """Step 4 of the documentation."""
        applied = self.terminal.run("kubectl apply -f a2a-api-key.yaml")
        self._step("Apply the authentication policy", applied, r"trafficpolicy.* created")
        self.terminal.until(f"curl -s -o /dev/null -w '%{{http_code}}' http://{self.address}/", "^401$")
        refused = self._client()
        assert refused.code == 1, refused.output
        card = rf"http://{re.escape(self.address)}/\.well-known/agent-card\.json"
        self._step(
            "Access the service without credentials",
            replace(refused, output=_without_traceback(refused.output)),
            rf"a2a\.client\.errors\.A2AClientHTTPError: HTTP Error 401: Failed to fetch agent card from {card}: "
            r"Client error '401 Unauthorized'",
            "a2a.client.errors.A2AClientHTTPError: HTTP Error 401: Failed to fetch agent card from "
            "http://8.136.xx.xx/.well-known/agent-card.json: Client error '401 Unauthorized' ...",
        )
        self._step(
            "Access the service with a valid API key",
            self._client("--bearer-token 'key-value-foo' "),
            rf"^Will use headers: \{{'Authorization': 'Bearer key-value-foo'\}}\n=+ Agent Card =+\n{CARD}\n.*{MESSAGE}",
            "Will use headers: {'Authorization': 'Bearer key-value-foo'}\n"
            "======= Agent Card ========\n"
            '{"capabilities":{"streaming":true},"defaultInputModes":["text"],"defaultOutputModes":["text"],'
            '"description":"Just a hello world agent","name":"Hello World Agent",...}\n'
            "=========  starting a new task ========\n\n"
            "What do you want to send to the agent? (:q or quit to exit):",
        )

    def clean_up(self) -> None:
        """Delete everything, and see that the load balancer goes with the Gateway."""
        for title, name in (
            ("Delete the authentication-related resources", "a2a-api-key.yaml"),
            ("Delete the gateway and routing rule", "a2a-gateway.yaml"),
            ("Delete the backend sample service", "a2a-server.yaml"),
        ):
            self._step(title, self.terminal.run(f"kubectl delete -f {name}"), r"\bdeleted\b")
        kinds = "deployments,services,serviceaccounts,configmaps,poddisruptionbudgets"
        left = f"kubectl get {kinds} -l gateway.networking.k8s.io/gateway-name=test-a2a-gateway"
        self._step(
            "Confirm that the load balancer is released",
            self.terminal.until(left, r"^No resources found"),
            r"^No resources found",
            "When you delete the Gateway resource, the associated SLB instance is automatically deleted.",
        )
        removed = self.terminal.run(f"helm uninstall {RELEASE} -n {RELEASE} --wait")
        self._step("Uninstall the chart", removed, rf'release "{RELEASE}" uninstalled')

    def _client(self, flags: str = "") -> Ran:
        """Converse as the documentation does."""
        answers = [(ASKS_TEXT, "hello"), (ASKS_FILE, ""), (ASKS_TEXT, "quit")]
        return self.terminal.converse(f"{program()} {flags}--agent http://{self.address}", answers)

    def _step(self, title: str, ran: Ran, pattern: str, printed: str = "") -> None:
        self.steps.append(Step(title, ran, pattern, printed))
        self.steps[-1].check()


def program() -> str:
    """The client of the documentation, on the official SDK of protocol 0.3."""
    return f"{interpreter('0.3')} {CLIENT}"


def _without_traceback(output: str) -> str:
    """Leave out where in the SDK an error was raised: lines of another project, in folders of this machine."""
    return re.sub(r"^Traceback.*^(?=a2a\.client\.errors\.)", "...\n", output, flags=re.MULTILINE | re.DOTALL)


def open_terminal(folder: Path) -> Terminal:
    """A terminal in a folder with the documentation's files, and the chart where a checkout has it."""
    for source in SEED.iterdir():
        (folder / source.name).write_bytes(source.read_bytes())
    (folder / "charts").symlink_to(ROOT / "charts")
    return Terminal(folder, {program(): "uv run ."})


def image_values() -> str:
    """What `helm install` needs to know of the image, where it is not the chart's default."""
    image = os.environ.get("AGW_IMAGE", "")
    repository, _, tag = image.rpartition(":")
    if not image:
        return ""
    return f" --set image.repository={shlex.quote(repository)},image.tag={shlex.quote(tag)}"


def page(steps: list[Step]) -> Iterator[str]:
    """Lines of a page with each step's two outputs, the documentation's and ours."""
    yield "# The walkthrough, as it ran"
    yield ""
    yield "Each command of the seed documentation on a cluster of one node, and what it printed; where the documentation shows an"
    yield "output, that one comes first. `make e2e` runs it and fails where ours says anything else; with"
    yield "`AGW_WALKTHROUGH=docs/walkthrough.md` it writes this page."
    yield ""
    yield "Two programs are not those of the documentation, since a test cannot fetch them: the agent is the demo's, on the official SDK,"
    yield "in an image of the same name (`tests/e2e/cluster/agent`); the client that `uv run .` stands for is"
    yield "`tests/e2e/programs/cli_0_3.py`, on the SDK that the documentation's client uses."
    for step in steps:
        yield f"\n## {step.title}\n"
        if step.printed:
            yield f"The documentation shows:\n\n```text\n{step.printed}\n```\n\nHere:\n"
        yield f"```text\n$ {step.ran.command}\n{step.ran.output.rstrip()}\n```"
