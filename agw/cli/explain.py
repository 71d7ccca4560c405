"""What `agw explain` does: load, translate, ask, and say it. What is said comes from agw.translate.explain."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import click
import msgspec

from agw.cli.output import Exit, Failure, Style, emit, note
from agw.cli.problems import by_place, show, with_near_paths
from agw.dataplane.resolve import forms
from agw.resources.load import load
from agw.settings import Address
from agw.snapshot.model import Backend, Endpoint, Entry, Match, Target
from agw.translate import Translation, effects, translate
from agw.translate.explain import Explanation, Share, listener_ports, parse
from agw.translate.explain import explain as ask

MAX_LOSERS = 20  # as many as one reads

Question = tuple[str, str, tuple[tuple[str, str], ...]]
Resolve = Mapping[tuple[str, int], Address]


def explain(files: Sequence[str], question: Question, resolve: Resolve, *, form: str) -> int:
    """Print who takes the request; return the exit code."""
    loaded = load([Path(file) for file in files])
    if not loaded.ok:
        note(show(by_place(with_near_paths(loaded.problems)), Style.of(sys.stderr)) + "\n")
        raise Failure("the files cannot be read as they are, so nothing can be said of the request")
    translation = resolved(translate(loaded.resources), resolve)
    try:
        request, notes = parse(*question, listener_ports(translation))
    except ValueError as error:
        raise click.BadParameter(f"{question[1]!r}: {error}.", param_hint="'URL'") from None
    found = ask(translation, request, notes)
    if form == "text":
        style = Style.of(sys.stdout)
        click.echo("\n".join(lines(found, style)), color=style.on)
    else:
        emit(document(found), form)
    return Exit.FAILED if found.status >= HTTPStatus.BAD_REQUEST else Exit.OK


def resolved(translation: Translation, resolve: Resolve) -> Translation:
    """Return the translation with the addresses that --resolve gives, as the data plane would have them."""
    if not resolve:
        return translation
    snapshots = {
        gateway: {key: _with_addresses(entry, resolve) for key, entry in entries.items()}
        for gateway, entries in translation.snapshots.items()
    }
    return replace(translation, snapshots=snapshots)


def _with_addresses(entry: Entry, resolve: Resolve) -> Entry:
    if not isinstance(entry, Backend):
        return entry
    namespace = entry.ref.partition("/")[0]
    return msgspec.structs.replace(
        entry, targets=tuple(_with_address(target, namespace, resolve) for target in entry.targets)
    )


def _with_address(target: Target, namespace: str, resolve: Resolve) -> Target:
    if target.error:
        return target
    for form in forms(target.host, namespace):
        address = resolve.get((form, target.port))
        if address is not None:
            return msgspec.structs.replace(target, endpoints=(Endpoint(address.host, address.port),))
    return target


def lines(found: Explanation, style: Style) -> Iterator[str]:
    """Yield the explanation as lines."""
    request = found.request
    query = f"?{request.query}" if request.query else ""
    yield f"{request.method} {request.host or '(no host)'}{request.path}{query} on listener port {request.port}"
    if found.status:
        paint = style.error if found.status >= HTTPStatus.BAD_REQUEST else style.good
        yield f"{paint(f'answers {found.status}')}: {found.why}"
    else:
        yield style.good("forwarded")
    for label, value in _facts(found):
        yield f"  {label:<9} {value}"
    for text in found.notes:
        yield f"  {'note':<9} {text}"
    if found.losers:
        yield ""
        yield style.bold("Not taken by")
        for loser in found.losers[:MAX_LOSERS]:
            yield f"  {loser.object}{' ' + loser.part if loser.part else ''}: {loser.reason}"
    if len(found.losers) > MAX_LOSERS:
        yield f"  and {len(found.losers) - MAX_LOSERS} more; -o json has them all"


def _facts(found: Explanation) -> Iterator[tuple[str, str]]:
    if found.listener is not None:
        hostname = f", hostname {found.listener.hostname}" if found.listener.hostname else ""
        yield "listener", f"{found.listener.name} of Gateway {found.gateway}, port {found.listener.port}{hostname}"
    if found.rule is not None:
        yield "route", f"{found.rule.kind} {found.rule.route}"
        yield "rule", f"rules[{found.rule.index}].matches[{found.match}]: {_match(found.rule.matches[found.match])}"
    for origin in found.origins:
        yield "policy", f"{origin.field} of TrafficPolicy {origin.policy}: {origin.says}"
    if found.consumer:
        yield "consumer", found.consumer
    for text in found.filters:
        yield "filter", text
    if found.rule is not None:
        words = (("timeout", effects.timeouts_in_words(found.rule)), ("retry", effects.retry_in_words(found.rule)))
        yield from ((label, text) for label, text in words if text)
    if found.rewritten:
        yield "sent as", f"{found.request.method} {found.rewritten}"
    for share in found.backends:
        yield "backend", _share(share)
        yield from (("", f"there {text}") for text in _there(share))


def _there(share: Share) -> tuple[str, ...]:
    """Say what is done on the way to one backend alone."""
    if share.error or share.affinity == "None":
        return share.filters
    return (*share.filters, "what is about a task or a context goes to the endpoint that has it")


def _match(match: Match) -> str:
    parts = [f"{match.path.kind} {match.path.value}"]
    if match.method:
        parts.append(f"method {match.method}")
    parts += [f"header {field.name}{' ~ ' if field.regex else ': '}{field.value}" for field in match.headers]
    parts += [f"query {field.name}{' ~ ' if field.regex else '='}{field.value}" for field in match.queries]
    return ", ".join(parts)


def _share(share: Share) -> str:
    head = f"{share.kind} {share.ref}".strip() + f", {share.share:.0%} of the requests"
    if share.error:
        return f"{head}: answers 500: {share.error}"
    return ": ".join((head, *(["; ".join(map(_target, share.targets))] if share.targets else [])))


def _target(target: Target) -> str:
    written = f"{target.host}:{target.port}"
    if target.error:
        return f"{written} is refused: {target.error}"
    addresses = ", ".join(f"{endpoint.address}:{endpoint.port}" for endpoint in target.endpoints)
    if addresses == written:
        return written
    return f"{written} -> {addresses or ('as DNS says' if target.dns else 'no endpoint')}"


def document(found: Explanation) -> dict[str, Any]:
    """Return the explanation as plain data; what the request does not come to is left out."""
    request = found.request
    plain: dict[str, Any] = {
        "request": {
            "method": request.method,
            "host": request.host,
            "path": request.path,
            "query": request.query,
            "port": request.port,
        },
        "forwarded": not found.status,
        "status": found.status,
        "reason": found.reason.name,
        "why": found.why,
        "gateway": found.gateway,
        "listener": found.listener.name if found.listener is not None else "",
        "route": f"{found.rule.kind} {found.rule.route}" if found.rule is not None else "",
        "rule": _rule(found),
        "policies": [{"field": each.field, "policy": each.policy, "says": each.says} for each in found.origins],
        "consumer": found.consumer,
        "filters": list(found.filters),
        "location": found.location,
        "rewritten": found.rewritten,
        "backends": [_share_document(share) for share in found.backends],
        "notes": list(found.notes),
        "losers": [{"object": str(loser.object), "part": loser.part, "reason": loser.reason} for loser in found.losers],
    }
    return {name: value for name, value in plain.items() if value not in ("", [], None) or name == "why"}


def _rule(found: Explanation) -> dict[str, Any] | None:
    if found.rule is None:
        return None
    rule = found.rule
    plain = {
        "index": rule.index,
        "match": found.match,
        "says": _match(rule.matches[found.match]),
        "timeout": effects.timeouts_in_words(rule),
        "retry": effects.retry_in_words(rule),
    }
    return {name: value for name, value in plain.items() if value != ""}


def _share_document(share: Share) -> dict[str, Any]:
    targets = [
        {
            "name": target.name,
            "host": target.host,
            "port": target.port,
            "endpoints": [f"{endpoint.address}:{endpoint.port}" for endpoint in target.endpoints],
            "error": target.error,
        }
        for target in share.targets
    ]
    plain = {
        "backend": share.ref,
        "kind": share.kind,
        "share": share.share,
        "error": share.error,
        "filters": list(share.filters),
        "affinity": "" if share.affinity == "None" else share.affinity,
        "targets": targets,
    }
    return {name: value for name, value in plain.items() if value not in ("", [])}
