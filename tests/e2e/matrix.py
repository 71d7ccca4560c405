"""The conversation that every client has with every agent, what is to come of it, and docs/clients.md, where it is told.

Must not: start anything, talk to anybody.
"""

from __future__ import annotations

import fcntl
import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.e2e.gateway import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = ROOT / "docs" / "clients.md"
BINDINGS = ("JSONRPC", "HTTP+JSON")
HOOK = "http://hook.example.com/"  # where agents would push to; they do not
SIZE = 2 << 20  # bytes of a file, nearly 3 MB in Base64
GRPC = "GRPC"

Told = Any  # what a step came to: a text, a list of them, a card as {interfaces, skills}, {error, text}, or None


@dataclass(frozen=True, slots=True)
class Call:
    """A step. name, arguments: see programs/talk.py. right: judges. after: what must have gone right for that.

    column: where the page shows it; several calls may share one.
    """

    label: str
    name: str
    arguments: tuple[object, ...]
    operation: str
    right: Callable[[Told], bool]
    column: str = ""
    after: str = ""


def _is(*wanted: Told) -> Callable[[Told], bool]:
    return lambda told: told in wanted


def _fails(pattern: str) -> Callable[[Told], bool]:
    return lambda told: isinstance(told, dict) and bool(re.search(pattern, f"{told.get('error')}: {told.get('text')}"))


def _shows(*skills: str) -> Callable[[Told], bool]:
    return lambda told: isinstance(told, dict) and told.get("skills") == list(skills)


EVENTS = ["event 0", "completed"]
CALLS = (
    Call("card", "card", (), "GetAgentCard", _shows("hello_world")),
    Call("message", "say", ("hello",), "SendMessage", _is(["Hello World"])),
    Call("task", "work", (1, "work"), "SendMessage", _is(["completed: event 0"])),
    Call("file", "file", (SIZE,), "SendMessage", _is("whole")),
    Call("stream", "stream", (1, "stream"), "SendStreamingMessage", _is(["task", *EVENTS])),
    Call("at once", "start", (1, "first"), "SendMessage", _is("submitted")),
    Call("get", "get", (), "GetTask", _is("submitted")),
    Call("list", "list", (), "ListTasks", _is(["submitted"])),
    Call("push set", "set_push", (HOOK,), "CreateTaskPushNotificationConfig", _is(HOOK)),
    Call("push get", "get_push", (), "GetTaskPushNotificationConfig", _is(HOOK)),
    Call("push list", "list_push", (), "ListTaskPushNotificationConfigs", _is([HOOK])),
    Call("push delete", "delete_push", (), "DeleteTaskPushNotificationConfig", _is("deleted")),
    Call("subscribe", "subscribe", (), "SubscribeToTask", _is(EVENTS, ["task", *EVENTS])),
    Call("get completed", "get", (), "GetTask", _is("completed: event 0"), "get", "subscribe"),
    Call(
        "cancel completed",
        "cancel",
        (),
        "CancelTask",
        _fails(r"NotCancelable|-32002|\b40[09]\b"),
        "cancel",
        "subscribe",
    ),
    Call("at once again", "start", (1, "second"), "SendMessage", _is("submitted"), "at once"),
    Call("cancel", "cancel", (), "CancelTask", _is("canceled")),
    Call("no such task", "missing", (), "GetTask", _fails(r"NotFound|-32001|\b404\b")),
    Call("extended card", "extended", (), "GetExtendedAgentCard", _shows("hello_world", "more")),
    # Clients go by the card that they have had last: its keys and, some of them, its URLs.
    Call("message after it", "say", ("hello",), "SendMessage", _is(["Hello World"]), "extended card"),
)
REFUSED = (("message", "say", "hello"), ("stream", "stream", 1, "refused"), ("get", "missing"))


def conversation(name: str) -> list[tuple[object, ...]]:
    """Give the steps, tasks of their own under this name."""
    own = {"work", "stream", "first", "second"}
    return [
        (call.label, call.name, *(f"{name}-{each}" if each in own else each for each in call.arguments))
        for call in CALLS
    ]


def operations(result: dict[str, Any]) -> Counter[str]:
    """Count what a client has asked for, by the step that a request belongs to."""
    named = {call.label: call.operation for call in CALLS}
    return Counter(named[request["step"]] for request in result["sent"])


def fared(result: dict[str, Any], url: str) -> dict[str, Told]:
    """Give what a client was told, in terms that do not differ by who was asked, and without gRPC, which is looked at apart."""
    said = {"the whole": result["error"] and _short(result["error"]), **result["said"]}
    return {label: _without_grpc(_neutral(told, url)) for label, told in said.items()}


def exchanges(result: dict[str, Any], url: str) -> list[Told]:
    """Give what a client has sent and how it was answered, in such terms."""
    return [_neutral(sent, url) for sent in result["sent"]]


def at_agent(requests: list[dict[str, Any]]) -> list[Told]:
    """Give what an agent has received, in such terms."""
    return [_nameless([request["method"], request["path"], request["query"]]) for request in requests]


def _neutral(told: Told, url: str) -> Told:
    """Replace what differs between two conversations: the address, and identifiers."""
    return _nameless(json.loads(json.dumps(told).replace(url, "URL").replace(url.removeprefix("http://"), "ADDRESS")))


def _nameless(told: Told) -> Told:
    return json.loads(re.sub(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", "ID", json.dumps(told)))


def _short(error: Told) -> Told:
    """Leave out the card that an SDK puts into what it says of it."""
    return {**error, "text": error["text"].split(": [{")[0]}


def _without_grpc(told: Told) -> Told:
    if not (isinstance(told, dict) and "interfaces" in told):
        return told
    return {**told, "interfaces": [each for each in told["interfaces"] if each[0] != GRPC]}


COLUMNS = tuple(dict.fromkeys(call.column or call.label for call in CALLS))

# What a pair cannot do although nothing is between: a pattern of "CLIENT > AGENT BINDING, LABEL: what it came to", and why.
NOTES = (
    (r"^0\.3 > .*validate agent card", "Python 0.3 reads no card that has no `url`: the agent speaks 1.0 alone."),
    (r"^js-0\.3 > .*No compatible transport", "JavaScript 0.3 finds no endpoint in a card that has no `url`, either."),
    (r", list: .*(ListTasks is not|tasks/list)", "Protocol 0.3 has no list of tasks that its SDKs would serve."),
    (r"^1 > .*, push (list|delete): .*not supported in v0\.3 REST", "Python 1 has these two not for HTTP+JSON of 0.3."),
    (
        r"(js-0\.3|js-1) > (0\.3|1\+0\.3) HTTP\+JSON, file: .*unknown|> js-\S+ HTTP\+JSON, file: .*sent",
        "In HTTP+JSON of 0.3 Python carries a file in Base64 twice and JavaScript once; neither reads the other's.",
    ),
    (r"^1 > js-1\S* HTTP\+JSON, push delete: ", "Python 1 takes the empty answer (204) to a deletion for a failure."),
    (
        r"HTTP\+JSON, push (set|get|list|delete): ",
        (
            "In HTTP+JSON of 0.3 each SDK writes a push configuration in its own form: it is refused, and so there is none "
            "to get; agents of Python 0.3 neither list nor delete any."
        ),
    ),
    (
        r"^js-0\.3 > 0\.3 HTTP\+JSON, stream",
        "Python 0.3 writes an event over several lines, which JavaScript 0.3 does not join.",
    ),
    (r"^js-0\.3 > 0\.3 HTTP\+JSON, subscribe", "JavaScript 0.3 subscribes with POST, and Python 0.3 takes GET only."),
)


def row(server: str, client: str, binding: str, result: dict[str, Any]) -> str:
    """Give the line of the page's table for a pair."""
    cells = [_cell(f"{client} > {server} {binding}", column, result) for column in COLUMNS]
    cells = cells[:1] + [""] * len(cells[1:]) if result["error"] else cells
    return f"{key(server, client, binding)} {' | '.join(cells)} |"


def key(server: str, client: str, binding: str) -> str:
    shown = {"JSONRPC": "JSON-RPC"}.get(binding, binding)
    return f"| {_software(server)} | {_software(client)} | {shown} |"


def _software(name: str) -> str:
    language = "JavaScript" if name.startswith("js-") else "Python"
    return f"{language} {name.removeprefix('js-').replace('+', ' + ')}"


def _cell(pair: str, column: str, result: dict[str, Any]) -> str:
    """Judge the calls of a column: "yes", "-" where there is no such call, or "no" and the notes that explain it."""
    calls = [call for call in CALLS if (call.column or call.label) == column]
    told = {call.label: result["error"] or result["said"].get(call.label) for call in calls}
    if all(each is None for each in told.values()):
        return "-"
    wrong = [call.label for call in calls if not _went_right(call, result)]
    found = {label: _notes(f"{pair}, {label}: {json.dumps(told[label])}") for label in wrong}
    return f"no ({', '.join(sorted(set(found.values())))})" if found else "yes"


def _went_right(call: Call, result: dict[str, Any]) -> bool:
    if result["error"]:
        return False
    before = [each for each in CALLS if each.label == call.after]
    if not all(_went_right(each, result) for each in before):
        return True  # nothing can be said of it
    return call.right(result["said"].get(call.label))


def _notes(came: str) -> str:
    numbers = [str(number) for number, (pattern, _) in enumerate(NOTES, 1) if re.search(pattern, came)]
    assert numbers, f"no note explains {came}"
    return numbers[0]


def write(line: str) -> None:
    """Put a line of the table in its place."""
    key = line[: len(line) - len(line.split("|", 4)[4])]
    with PAGE.open("r+") as page:
        fcntl.flock(page, fcntl.LOCK_EX)
        lines = [line if each.startswith(key) else each for each in page.read().splitlines()]
        page.seek(0)
        page.write("\n".join(lines) + "\n")
        page.truncate()


def keys() -> list[str]:
    """Give what the lines of the table begin with, in order."""
    lines = [line for line in PAGE.read_text().splitlines() if line.count("|") > len(COLUMNS)]
    return [f"{'|'.join(line.split('|')[:4])}|" for line in lines[2:]]
