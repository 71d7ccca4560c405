"""Fetch an agent's card to say who answers: best effort, for people's eyes alone.

`agw run --agent` shows what it found, and the banner names the agents. Nothing is decided on it but the path prefix
that an agent lives under. Blocking (http.client), to be called in a thread; bounded in time and size. What an agent
writes is text from a stranger: control characters are taken out before a terminal sees them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

WELL_KNOWN = ("/.well-known/agent-card.json", "/.well-known/agent.json")
MAX_BYTES = 1 << 20
TIMEOUT = 3.0  # seconds
_HTTP_OK = 200
_MAX_TEXT = 80


@dataclass(frozen=True, slots=True)
class Interface:
    """One way to reach an agent, as its card says: a binding (JSONRPC, HTTP+JSON, GRPC), a version and a URL."""

    binding: str
    version: str
    url: str


@dataclass(frozen=True, slots=True)
class CardSummary:
    """What of a card is worth a line. base: URL that the well-known path was found under, without a slash at its end."""

    base: str
    path: str
    name: str
    version: str = ""
    streaming: bool = False
    interfaces: tuple[Interface, ...] = ()


class CardError(Exception):
    """No card was found. down: nobody answered at all."""

    def __init__(self, message: str, *, down: bool) -> None:
        """Keep what happened."""
        super().__init__(message)
        self.down = down


def plain(text: object) -> str:
    """Return a stranger's text for a terminal: printable characters, and not many."""
    cleaned = "".join(character for character in str(text) if character.isprintable())
    return cleaned if len(cleaned) <= _MAX_TEXT else cleaned[: _MAX_TEXT - 1] + "…"


def summarise(document: Any, base: str, path: str) -> CardSummary:  # noqa: ANN401 - whatever JSON the agent sent
    """Return the summary of a card of either generation; fields of the wrong type are passed over."""
    card = document if isinstance(document, dict) else {}
    capabilities = card.get("capabilities")
    return CardSummary(
        base=base,
        path=path,
        name=plain(card.get("name") or "an agent without a name"),
        version=plain(card.get("version") or ""),
        streaming=isinstance(capabilities, dict) and capabilities.get("streaming") is True,
        interfaces=tuple(dict.fromkeys((*_interfaces_1_0(card), *_interfaces_0_3(card)))),
    )


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _interfaces_1_0(card: dict[str, Any]) -> list[Interface]:
    return [
        Interface(
            plain(item.get("protocolBinding", "")), _minor(item.get("protocolVersion", "")), plain(item.get("url", ""))
        )
        for item in _dicts(card.get("supportedInterfaces"))
    ]


def _interfaces_0_3(card: dict[str, Any]) -> list[Interface]:
    if not isinstance(card.get("url"), str):
        return []
    version = _minor(card.get("protocolVersion") or "0.3")
    first = Interface(plain(card.get("preferredTransport") or "JSONRPC"), version, plain(card["url"]))
    others = _dicts(card.get("additionalInterfaces"))
    return [
        first,
        *(Interface(plain(item.get("transport", "")), version, plain(item.get("url", ""))) for item in others),
    ]


def _minor(version: object) -> str:
    """Return Major.Minor, which is what agents negotiate by (A2A 1.0 §3.6)."""
    return ".".join(plain(version).split(".")[:2])


def agent_url(text: str) -> SplitResult:
    """Read the URL of an agent; its card's URL means the agent too. ValueError says what is wrong with it."""
    if "://" not in text:
        text = f"http://{text}"
    url = urlsplit(text)
    if url.scheme not in {"http", "https"}:
        message = f"{url.scheme}:// is not spoken here; an agent's URL begins with http://"
        raise ValueError(message)
    if not url.hostname:
        message = "it has no host"
        raise ValueError(message)
    if url.username is not None or url.query or url.fragment:
        message = "it must be scheme, host, port and path, and nothing else"
        raise ValueError(message)
    path = url.path
    for known in WELL_KNOWN:
        path = path.removesuffix(known)
    _ = url.port  # raises ValueError where it is not a port
    return url._replace(path=path.rstrip("/"))


def outside(found: CardSummary, prefix: str) -> tuple[str, ...]:
    """Return the card's URLs on the agent's own port that are not under the prefix: a route for it does not take them."""
    urls = dict.fromkeys(each.url for each in found.interfaces if each.binding != "GRPC")
    own = _port(found.base)
    return tuple(url for url in urls if _port(url) == own and not _under(urlsplit(url).path, prefix))


def _port(url: str) -> int | None:
    try:
        return urlsplit(url).port or 80
    except ValueError:
        return None


def _under(path: str, prefix: str) -> bool:
    """Match by whole segments, as PathPrefix does."""
    return not prefix or path == prefix or path.startswith(f"{prefix}/")


def fetch(url: SplitResult, timeout: float = TIMEOUT) -> CardSummary:
    """Look for the card under the URL's path, then at the root of its host; CardError where there is none.

    timeout: seconds for each of connect and read.
    """
    bases = list(dict.fromkeys((url.path, "")))
    failures = []
    for base in bases:
        for known in WELL_KNOWN:
            found = _get(url, base + known, timeout)
            if isinstance(found, str):
                failures.append(f"{base + known}: {found}")
            else:
                return summarise(found, url._replace(path=base).geturl(), base + known)
    raise CardError("; ".join(failures), down=False)


def _get(url: SplitResult, path: str, timeout: float) -> Any:  # noqa: ANN401 - whatever JSON the agent sent
    """Return the document, or a str that says why there is none; CardError where nobody answers."""
    from http.client import HTTPConnection, HTTPException  # noqa: PLC0415 - `--help` does not need it

    connection = HTTPConnection(url.hostname or "", url.port or 80, timeout=timeout)
    try:
        connection.request("GET", path, headers={"Accept": "application/json"})
        answer = connection.getresponse()
        body = answer.read(MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise CardError(reason, down=True) from None
    except HTTPException as error:
        return f"not an HTTP answer ({type(error).__name__})"
    finally:
        connection.close()
    if answer.status != _HTTP_OK:
        return f"{answer.status} {plain(answer.reason)}"
    if len(body) > MAX_BYTES:
        return f"more than {MAX_BYTES} bytes"
    try:
        document = json.loads(body)
    except ValueError:
        return "not JSON"
    return document if isinstance(document, dict) else "not a JSON object"
