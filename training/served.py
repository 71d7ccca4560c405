"""What the gateway serves while it is trained: some hundred routes, policies, keys, agents of each kind."""

from __future__ import annotations

import hashlib

from agw.snapshot.model import (
    ApiKeyAuth,
    Attachment,
    AuthorizationRule,
    Backend,
    Cors,
    Credential,
    CredentialSet,
    Endpoint,
    Entry,
    FieldMatch,
    Filters,
    Header,
    HeaderEdit,
    KeySource,
    Limit,
    Listener,
    Match,
    Mirror,
    PathEdit,
    PathMatch,
    Policy,
    Redirect,
    Retry,
    Rewrite,
    Rule,
    StreamLimit,
    Target,
    WeightedBackend,
)

TEAMS, SITES, KEYS = 160, 120, 400
LISTENER = "listener/prod/edge/http"
AGENT, AFFINE, PLAIN, DEAD = (f"backend/Backend/prod/{name}" for name in ("agent", "affine", "plain", "dead"))
PLENTY = 1_000_000
SOURCES = (
    KeySource("authorization", "Bearer"),
    KeySource("x-api-key"),
    KeySource(query="key"),
    KeySource(cookie="agent_key"),
)
EDIT = HeaderEdit(
    set=(Header("X-Served-By", "edge"),), add=(Header("Vary", "Origin"),), remove=("x-internal", "server")
)
Where = tuple[str, int]


def key(number: int) -> str:
    """The API key of a consumer."""
    return f"sk-train-{number:04d}-{hashlib.sha256(b'%d' % number).hexdigest()[:24]}"


def policies() -> dict[str, Entry]:
    """What teams have: nothing, keys, and what is decided by the operation."""
    auth = ApiKeyAuth(credentials="credentials/prod/consumers", sources=SOURCES)
    readers = ("GetTask", "ListTasks")
    return {
        "policy/keys": Policy(refs=("prod/keys",), api_key=auth),
        "policy/rules": Policy(
            refs=("prod/rules",),
            api_key=auth,
            authorization=(
                AuthorizationRule("Deny", consumers=("user-1",), operations=("SendMessage",)),
                AuthorizationRule("Allow", operations=("SendMessage", "SendStreamingMessage", *readers)),
                AuthorizationRule("Allow"),
            ),
            streams=StreamLimit(10_000, "prod/rules"),
        ),
        "policy/limits": Policy(
            refs=("prod/limits",),
            api_key=ApiKeyAuth(
                credentials="credentials/prod/consumers", sources=SOURCES, failures=Limit(PLENTY, 1, PLENTY, "ClientIP")
            ),
            limits=(
                Limit(PLENTY, 1, PLENTY, "Consumer", scope="prod/limits"),
                Limit(
                    PLENTY,
                    1,
                    PLENTY,
                    "Context",
                    operations=("SendMessage", "SendStreamingMessage"),
                    scope="prod/limits",
                ),
            ),
            request_timeout_ms=60_000,
            stream_idle_ms=60_000,
        ),
        "policy/spent": Policy(refs=("prod/spent",), limits=(Limit(1, 3600, 1, "Route", scope="prod/spent"),)),
        "credentials/prod/consumers": CredentialSet(
            ref="prod/consumers",
            credentials=tuple(
                Credential(f"user-{number}", hashlib.sha256(key(number).encode()).digest()) for number in range(KEYS)
            ),
        ),
    }


def backends(places: list[Where], dead: Where) -> dict[str, Entry]:
    """Agents and plain servers; one that nobody listens for."""
    both = tuple(Endpoint(*place) for place in places)
    return {
        AGENT: Backend(ref="prod/agent", protocol="A2A", targets=(Target("a", "agent", 80, endpoints=both),)),
        AFFINE: Backend(
            ref="prod/affine",
            protocol="A2A",
            targets=(
                Target("a", "first", 80, weight=3, endpoints=both[:1]),
                Target("b", "second", 80, endpoints=both[1:]),
            ),
            affinity="Task",
            keep_alive_ms=15_000,
        ),
        PLAIN: Backend(ref="prod/plain", targets=(Target("p", "plain", 80, endpoints=both),)),
        DEAD: Backend(ref="prod/dead", targets=(Target("d", "dead", 80, endpoints=(Endpoint(*dead), *both[:1])),)),
    }


def rule(name: str, host: str, match: Match, backend: str = PLAIN, **more: object) -> tuple[str, Rule]:
    """One route of one rule."""
    served = (Attachment(LISTENER, (host,)),)
    parts = {"backends": (WeightedBackend(backend),) if backend else (), **more}
    made = Rule(route=f"prod/{name}", index=0, attachments=served, matches=(match,), **parts)  # type: ignore[arg-type]
    return f"rule/HTTPRoute/prod/{name}/0", made


def path(value: str, kind: str = "PathPrefix") -> Match:
    """A match of nothing but the path."""
    return Match(path=PathMatch(kind, value))


def teams() -> list[tuple[str, Rule]]:
    """Agents of many teams on one host, a prefix each; their policies in turn."""
    having = ("policy/keys", "policy/rules", "policy/limits", "", "policy/keys")
    return [
        rule(
            f"team-{number}",
            "agents.training.test",
            path(f"/teams/{number}"),
            AFFINE if number % 4 == 3 else AGENT,
            policy=having[number % len(having)],
            filters=Filters(rewrite=Rewrite(path=PathEdit("/", f"/teams/{number}"))) if number % 3 == 0 else None,
        )
        for number in range(TEAMS)
    ]


def sites() -> list[tuple[str, Rule]]:
    """Hosts of their own: exact, wildcard, with conditions."""
    found = [rule(f"site-{number}", f"site-{number}.training.test", path("/")) for number in range(SITES)]
    picky = Match(
        PathMatch("PathPrefix", "/picky"),
        method="POST",
        headers=(FieldMatch("x-tier", "gold"),),
        queries=(FieldMatch("region", "eu"),),
    )
    found += [
        rule("apps", "*.apps.training.test", path("/")),
        rule("exact", "site-1.training.test", path("/healthz", "Exact")),
        rule("regex", "site-2.training.test", path("/v[0-9]+/items/.*", "RegularExpression")),
        rule("picky", "site-3.training.test", picky),
        rule("anywhere", "", path("/anywhere")),
    ]
    return found


def odd() -> list[tuple[str, Rule]]:
    """A rule for each thing that a rule can do."""
    host = "odd.training.test"
    shared = Cors(("https://*.training.test",), ("GET", "POST"), ("content-type",), ("x-served-by",), credentials=True)
    return [
        rule("moved", host, path("/moved"), "", filters=Filters(redirect=Redirect(301, "https", "new.training.test"))),
        rule("edited", host, path("/edited"), filters=Filters(request_headers=EDIT, response_headers=EDIT)),
        rule("copied", host, path("/copied"), filters=Filters(mirrors=(Mirror(PLAIN, 1, 2),))),
        rule("shared", host, path("/shared"), filters=Filters(cors=shared)),
        rule("again", host, path("/again"), retry=Retry(2, (500, 503))),
        rule("dead", host, path("/dead"), DEAD),
        rule("spent", host, path("/spent"), policy="policy/spent"),
        rule("broken", host, path("/broken"), backends=(WeightedBackend(error="there is no such backend"),)),
    ]


def entries(places: list[Where], dead: Where, version: int = 1) -> dict[str, Entry]:
    """All of it. version: one route differs from version to version, as when somebody edits it."""
    edited = rule("edit", "site-0.training.test", path(f"/edit/{version}"))
    rules = dict([*teams(), *sites(), *odd(), edited])
    return {LISTENER: Listener("prod/edge", "http", 80), **rules, **policies(), **backends(places, dead)}
