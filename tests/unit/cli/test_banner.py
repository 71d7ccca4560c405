"""The start banner, as a terminal and as a log see it; `pytest --update-golden` writes the files anew."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from agw import __version__
from agw.cli import banner
from agw.cli.card import CardError, summarise
from agw.cli.output import Style
from agw.dataplane.state import State, WorkerState
from agw.settings import Address
from agw.snapshot.model import (
    ApiKeyAuth,
    Attachment,
    Backend,
    Card,
    Credential,
    CredentialSet,
    Endpoint,
    Entry,
    Filters,
    KeySource,
    Listener,
    Match,
    PathEdit,
    PathMatch,
    Policy,
    Redirect,
    Rewrite,
    Rule,
    Target,
    WeightedBackend,
)

GOLDEN = Path(__file__).parent / "golden"
LISTENER = "listener/default/test-a2a-gateway/http"
CARD = summarise({"name": "Hello World Agent"}, "http://127.0.0.1:9999", banner.CARD_PATH)


def backend(name: str, *endpoints: Endpoint) -> Backend:
    target = Target("a2a-target", f"{name}-server", 9999, endpoints=endpoints)
    return Backend(f"default/{name}", protocol="A2A", targets=(target,), card=Card())


def rule(name: str, path: str, to: str, **more: object) -> Rule:
    return Rule(
        route=f"default/{name}",
        index=0,
        attachments=(Attachment(LISTENER),),
        matches=(Match(path=PathMatch(value=path)),),
        backends=(WeightedBackend(f"backend/Backend/default/{to}"),),
        **more,
    )


def state(entries: dict[str, Entry], **more: object) -> State:
    base = {LISTENER: Listener("default/test-a2a-gateway", "http", 80)}
    values = {
        "ready": True,
        "entries": {**base, **entries},
        "bound": {80: Address("0.0.0.0", 8080)},
        "admin": Address("127.0.0.1", 15000),
        "workers": (WorkerState(0, 1), WorkerState(1, 2)),
        **more,
    }
    return State(**values)


def keys(*names: str) -> dict[str, Entry]:
    return {
        "policy/p": Policy(api_key=ApiKeyAuth("credentials/default/s")),
        "credentials/default/s": CredentialSet("default/s", tuple(Credential(name, b"x" * 32) for name in names)),
    }


SEED = {
    **keys("key1", "key2"),
    "backend/Backend/default/demo": backend("demo", Endpoint("127.0.0.1", 9999)),
    "rule/1": rule("route-for-a2a-backend", "/", "demo", policy="policy/p"),
}
MANY = {
    "backend/Backend/default/demo": backend("demo", Endpoint("10.0.0.7", 9999)),
    **{f"rule/{i}": rule(f"route-{i}", f"/agents/{i}", "demo") for i in range(30)},
}
CASES: dict[str, tuple[State, banner.Agents]] = {
    "seed": (state(SEED), {"http://127.0.0.1:9999": CARD}),
    "agent-down": (state(SEED), {"http://127.0.0.1:9999": CardError("Connection refused", down=True)}),
    "no-card": (state(SEED), {"http://127.0.0.1:9999": CardError("/x: 404 Not Found", down=False)}),
    "no-route": (state({}), {}),
    "nothing": (State(ready=True, admin=Address("127.0.0.1", 15000), workers=(WorkerState(0, 1),)), {}),
    "not-bound": (state(SEED, bound={}), {}),
    "many": (state(MANY), {}),
    "unknown-host": (state({**SEED, "backend/Backend/default/demo": backend("demo")}), {}),
    "broken": (
        state(
            {
                "rule/1": Rule(
                    "default/weather",
                    0,
                    (Attachment(LISTENER, ("*.example.com",)),),
                    backends=(WeightedBackend(error="Backend default/weather does not exist"),),
                ),
                "rule/2": rule("other", "/x", "none", error="filter RequestMirror is not served"),
            }
        ),
        {},
    ),
    "filters": (
        state(
            {
                "backend/Backend/default/demo": backend("demo", Endpoint("127.0.0.1", 9999)),
                "rule/1": msgspec.structs.replace(
                    rule("old", "/old", ""), backends=(), filters=Filters(redirect=Redirect(308))
                ),
                "rule/2": rule("new", "/new", "demo", filters=Filters(rewrite=Rewrite(path=PathEdit("/a2a", "/new")))),
            }
        ),
        {"http://127.0.0.1:9999/a2a": CARD},
    ),
    "no-key-left": (state({**SEED, **keys()}), {"http://127.0.0.1:9999": CARD}),
    "other-source": (
        state(
            {
                **SEED,
                "policy/p": Policy(api_key=ApiKeyAuth("credentials/default/s", sources=(KeySource("x-api-key"),))),
            }
        ),
        {"http://127.0.0.1:9999": CARD},
    ),
    "hostname": (
        state(
            {
                "backend/Backend/default/demo": backend("demo", Endpoint("::1", 9999)),
                "rule/1": Rule(
                    "default/named",
                    0,
                    (Attachment(LISTENER, ("*.example.com",)),),
                    matches=(Match(path=PathMatch(value="/hello")),),
                    backends=(WeightedBackend("backend/Backend/default/demo"),),
                ),
            }
        ),
        {"http://[::1]:9999/hello": CARD},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_banner_is_as_it_was(name: str, *, update_golden: bool) -> None:
    found = banner.build(*CASES[name])
    shown = banner.text(found, Style(on=False)) + "\n--- not a terminal ---\n" + banner.json_lines(found)
    shown = shown.replace(__version__, "VERSION")
    path = GOLDEN / f"banner-{name}.txt"
    if update_golden:
        path.write_text(shown, encoding="utf-8")
    assert shown == path.read_text(encoding="utf-8")


def test_every_line_off_a_terminal_is_a_document_and_the_last_one_is_start() -> None:
    lines = banner.json_lines(banner.build(*CASES["seed"])).splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["listener", "route", "start"]


def test_colour_changes_no_word() -> None:
    import click

    found = banner.build(*CASES["seed"])
    assert click.unstyle(banner.text(found, Style(on=True))) == banner.text(found, Style(on=False))


def test_only_a_key_made_by_this_start_is_in_the_request_to_try() -> None:
    found = banner.build(*CASES["seed"])
    assert "Bearer made-now'" in banner.with_key(found, "key1", "made-now").curl
    assert "made-now" not in banner.with_key(found, "other", "made-now").curl
    assert banner.with_key(found, "", "").curl == found.curl
