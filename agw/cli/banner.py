"""The start banner: what is served where, through to the agents, and a request to try.

Built once the gateway is ready, from the State that everything else reports from. Pure but for `agents`, which asks
the agents for their cards. Text for a terminal, JSON lines for anything else, both from the same values. No
credential is in them: a placeholder stands where a key goes, but for a key that this start made and a terminal.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agw import __version__
from agw.cli.card import CardError, CardSummary, agent_url, fetch
from agw.snapshot.model import ApiKeyAuth, Backend, CredentialSet, Entry, KeySource, Listener, Policy, Rule, Target
from agw.translate import effects

if TYPE_CHECKING:
    from agw.cli.output import Style
    from agw.dataplane.state import State
    from agw.settings import Address

PATIENCE = 1.0  # seconds for an agent's card: the banner waits for it, and so does Ctrl-C
MAX_ROUTES = 12  # more than a screen holds is a number
CARD_PATH = "/.well-known/agent-card.json"
_ANY_ADDRESS = {"::": "127.0.0.1", "0.0.0.0": "127.0.0.1"}  # noqa: S104 - compared with: what a client there would type


@dataclass(frozen=True, slots=True)
class RouteLine:
    """A rule on a listener: what a client asks for, and who answers.

    path: the first match's path, as written; "" where it is a regular expression. agent: name from its card.
    endpoint: `host:port` as written, and the address where that is another. key: consumer whose key is asked for, ""
    where none is; "?" where there is no consumer to name. credential: what stands before a key. trouble: why the agent does not
    answer.
    """

    url: str
    listener: str
    route: str
    hostname: str
    path: str
    agent: str = ""
    endpoint: str = ""
    key: str = ""
    credential: str = "Authorization: Bearer "
    trouble: str = ""
    card: bool = False


@dataclass(frozen=True, slots=True)
class ListenerLine:
    """A listener. url: where it is served, "" where it is not. served_on: its port there, 0 where it is not."""

    url: str
    gateway: str
    name: str
    port: int
    hostname: str = ""
    served_on: int = 0


@dataclass(frozen=True, slots=True)
class Banner:
    """What there is to say at the start. more: rules that are served and not listed."""

    workers: int
    listeners: tuple[ListenerLine, ...]
    routes: tuple[RouteLine, ...]
    more: int
    admin: str
    curl: str


Agents = Mapping[str, CardSummary | CardError]
"""What was found at `http://host:port/path`."""


def agents(state: State) -> Agents:
    """Ask the agents of the rules that will be listed for their cards, all at once; blocking, bounded."""
    wanted: dict[str, None] = {}
    for _, rule, _ in list(_served(state.entries))[:MAX_ROUTES]:
        target = _target(state.entries, rule)
        if target is not None and (url := _target_url(target, _agent_path(rule))):
            wanted[url] = None
    if not wanted:
        return {}
    with ThreadPoolExecutor(max_workers=len(wanted)) as pool:
        return dict(zip(wanted, pool.map(_ask, wanted), strict=True))


def _ask(url: str) -> CardSummary | CardError:
    try:
        return fetch(agent_url(url), PATIENCE)
    except CardError as error:
        return error
    except ValueError as error:
        return CardError(str(error), down=False)


def build(state: State, found: Agents) -> Banner:
    """Return the banner of a gateway that is ready."""
    served = list(_served(state.entries))
    routes = tuple(
        _route_line(state, listener, rule, hostname, found) for listener, rule, hostname in served[:MAX_ROUTES]
    )
    listeners = tuple(
        ListenerLine(
            url=_url(state.bound.get(entry.port)),
            gateway=entry.gateway,
            name=entry.name,
            port=entry.port,
            hostname=entry.hostname,
            served_on=state.bound[entry.port].port if entry.port in state.bound else 0,
        )
        for entry in state.entries.values()
        if isinstance(entry, Listener)
    )
    return Banner(
        workers=len(state.workers),
        listeners=listeners,
        routes=routes,
        more=len(served) - len(routes),
        admin=_url(state.admin),
        curl=_curl(routes),
    )


def _served(entries: Mapping[str, Entry]) -> Iterator[tuple[str, Rule, str]]:
    """Each rule with a listener's key and its first hostname there."""
    for entry in entries.values():
        if isinstance(entry, Rule):
            for attachment in entry.attachments:
                if attachment.listener in entries:
                    yield attachment.listener, entry, attachment.hostnames[0] if attachment.hostnames else ""


def _target(entries: Mapping[str, Entry], rule: Rule) -> Target | None:
    for weighted in rule.backends:
        backend = entries.get(weighted.backend)
        if isinstance(backend, Backend) and backend.protocol == "A2A" and backend.targets and not weighted.error:
            return backend.targets[0]
    return None


def _target_url(target: Target, path: str) -> str:
    if not target.endpoints:
        return ""
    endpoint = target.endpoints[0]
    return f"http://{_bracketed(endpoint.address)}:{endpoint.port}{path.rstrip('/')}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _path(rule: Rule) -> str:
    path = rule.matches[0].path if rule.matches else None
    return path.value if path is not None and path.kind == "PathPrefix" else ""


def _agent_path(rule: Rule) -> str:
    """Return what the agent has where clients have the rule's path."""
    rewrite = rule.filters.rewrite if rule.filters is not None else None
    edit = rewrite.path if rewrite is not None else None
    return effects.edited(_path(rule), edit) if edit is not None and edit.prefix else _path(rule)


def _answerer(rule: Rule, target: Target | None) -> str:
    """Return who answers: the agent's address, a backend that is no agent, or the gateway."""
    if rule.filters is not None and rule.filters.redirect is not None:
        return f"redirects with {rule.filters.redirect.status}"
    return _endpoint(target) if target else ", ".join(weighted.backend for weighted in rule.backends)


def _url(address: Address | None) -> str:
    if address is None:
        return ""
    host = _ANY_ADDRESS.get(address.host, address.host)
    return f"http://{_bracketed(host)}" + ("" if address.port == 80 else f":{address.port}")


def _route_line(state: State, key: str, rule: Rule, hostname: str, found: Agents) -> RouteLine:
    listener = state.entries[key]
    port = listener.port if isinstance(listener, Listener) else 0
    auth, consumer = _auth(state.entries, rule, key)
    source = auth.sources[0] if auth and auth.sources else None
    target = _target(state.entries, rule)
    answer = found.get(_target_url(target, _agent_path(rule))) if target else None
    return RouteLine(
        url=_url(state.bound.get(port)),
        listener=key,
        route=f"{rule.kind} {rule.route}",
        hostname=hostname,
        path=rule.matches[0].path.value if rule.matches else "/",
        agent=answer.name if isinstance(answer, CardSummary) else "",
        endpoint=_answerer(rule, target),
        key=consumer,
        credential=_credential(source) if source else "",
        trouble=_trouble(state.entries, rule, target, answer),
        card=isinstance(answer, CardSummary) or target is not None,
    )


def _endpoint(target: Target) -> str:
    written = f"{_bracketed(target.host)}:{target.port}"
    if not target.endpoints:
        return written
    first = target.endpoints[0]
    address = f"{_bracketed(first.address)}:{first.port}"
    return written if address == written else f"{written} ({address})"


def _auth(entries: Mapping[str, Entry], rule: Rule, listener: str) -> tuple[ApiKeyAuth | None, str]:
    """Return the API key rule in force and a consumer that has a key."""
    named = next((item.policy for item in rule.attachments if item.listener == listener and item.policy), rule.policy)
    policy = entries.get(named)
    auth = policy.api_key if isinstance(policy, Policy) else None
    if auth is None or auth.mode != "Strict":
        return None, ""
    credentials = entries.get(auth.credentials)
    if isinstance(credentials, CredentialSet) and credentials.credentials:
        return auth, credentials.credentials[0].consumer
    return auth, "?"


def _trouble(
    entries: Mapping[str, Entry], rule: Rule, target: Target | None, answer: CardSummary | CardError | None
) -> str:
    if rule.error:
        return f"answers 500: {rule.error}"
    broken = next((weighted.error for weighted in rule.backends if weighted.error), "")
    if broken:
        return f"answers 500: {broken}"
    policy = entries.get(rule.policy)
    if isinstance(policy, Policy) and policy.deny:
        return f"refuses everything: {policy.deny}"
    if target is not None and not target.endpoints:
        return f"answers 503: where {target.host} is, is not known"
    if isinstance(answer, CardError):
        return f"the agent does not answer now: {answer}" if answer.down else f"no agent card: {answer}"
    return ""


def _credential(source: KeySource) -> str:
    """Return what stands before the key: of a header, of a cookie, or of a query, which begins with a question mark."""
    if source.query or source.cookie:
        return f"?{source.query}=" if source.query else f"Cookie: {source.cookie}="
    return f"{_header_name(source.header)}: {source.scheme + ' ' if source.scheme else ''}"


def _header_name(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-")).replace("Api", "API")


def _curl(routes: tuple[RouteLine, ...]) -> str:
    """Return one request that works now, or will when its agent is up."""
    usable = [line for line in routes if line.url and line.card and not line.trouble.startswith("answers 500")]
    if not usable:
        return ""
    line = next((line for line in usable if not line.trouble), usable[0])
    words, query = ["curl"], ""
    if line.key:
        key = f"<key of consumer {line.key}>" if line.key != "?" else "<key>"
        if line.credential.startswith("?"):
            query = line.credential + key
        else:
            words += ["-H", line.credential + key]
    if line.hostname:
        host = "any" + line.hostname[1:] if line.hostname.startswith("*.") else line.hostname
        words += ["-H", f"Host: {host}"]
    path = line.path.rstrip("/") if not line.path.endswith(CARD_PATH) else ""
    return " ".join(map(shlex.quote, [*words, line.url + path + CARD_PATH + query]))


def with_key(banner: Banner, consumer: str, key: str) -> Banner:
    """Return the banner with the key that this very start made, so that its request can be pasted; for a terminal."""
    return replace(banner, curl=banner.curl.replace(f"<key of consumer {consumer}>", key))


def text(banner: Banner, style: Style) -> str:
    """Return the banner for a terminal."""
    processes = f"{banner.workers} worker{'' if banner.workers == 1 else 's'}"
    lines = ["", f"{style.bold('agw ' + __version__)} {style.good('ready')}, {processes}"]
    for listener in banner.listeners:
        lines += ["", _listener_text(listener, style)]
        key = f"listener/{listener.gateway}/{listener.name}"
        routes = [line for line in banner.routes if line.listener == key]
        lines += [part for line in routes for part in _route_text(line, style)]
        if not routes:
            lines.append(f"  {style.warning('no route')}: every request is answered with 404")
    if not banner.listeners:
        lines += ["", style.warning("no listener: nothing is served")]
    if banner.more:
        lines.append(f"  and {banner.more} more")
    lines.append("")
    if banner.admin:
        lines.append(f"{style.dim('admin')}  {banner.admin}/readyz?verbose")
    if banner.curl:
        lines.append(f"{style.dim('try')}    {banner.curl}")
    return "\n".join([*lines, ""])


def _listener_text(line: ListenerLine, style: Style) -> str:
    where = style.bold(line.url) if line.url else style.error("not served")
    host = f", hostname {line.hostname}" if line.hostname else ""
    moved = f" -> {line.served_on}" if line.served_on not in {0, line.port} else ""
    return f"{where}  Gateway {line.gateway}, listener {line.name}, port {line.port}{moved}{host}"


def _route_text(line: RouteLine, style: Style) -> list[str]:
    parts = [line.route, line.agent, line.endpoint]
    chain = " -> ".join(part for part in parts if part)
    where = f"{line.hostname or ''}{line.path}"
    key = f"  {style.dim('API key')}" if line.key else ""
    trouble = [f"    {style.warning(line.trouble)}"] if line.trouble else []
    return [f"  {where}  {chain}{key}", *trouble]


def json_lines(banner: Banner) -> str:
    """Return the banner for a log: one JSON document a line, the last one is `start`: from then on clients are answered."""
    documents: list[dict[str, object]] = [
        {
            "event": "listener",
            "url": line.url,
            "gateway": line.gateway,
            "listener": line.name,
            "port": line.port,
            "hostname": line.hostname,
        }
        for line in banner.listeners
    ]
    documents += [
        {
            "event": "route",
            "url": line.url,
            "route": line.route,
            "hostname": line.hostname,
            "path": line.path,
            "agent": line.agent,
            "endpoint": line.endpoint,
            "key": bool(line.key),
            "trouble": line.trouble,
        }
        for line in banner.routes
    ]
    ready = {
        "event": "start",
        "version": __version__,
        "workers": banner.workers,
        "admin": banner.admin,
        "more": banner.more,
    }
    documents.append({**ready, "try": banner.curl})
    kept = ({key: value for key, value in document.items() if value not in ("", None)} for document in documents)
    return "".join(json.dumps(document, ensure_ascii=False) + "\n" for document in kept)
