"""A strict reader of HTTP/1.1, written apart from the data plane's: what either side of a gateway test received.

Rules: slow and obvious; no leniency at all (RFC 9112 2.2, 3, 5, 6, 7.1; RFC 9110 7.2, 7.6): whatever a peer could read in
two ways is a `Malformed`, and so is every field that a gateway must not let through. It must not import anything of agw.

Two things are wider than the letter of RFC 3986, as they are everywhere: a query may hold "[", "]" and a "%" that begins
no escape. It is opaque: nothing between the client and the agent may act upon it.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
VALUE = re.compile(rb"[\t \x21-\x7e\x80-\xff]*")
PATH = re.compile(rb"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@\[\]-]|%[0-9A-Fa-f]{2})*)+")
QUERY = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=:@/?%\[\]-]*")
HOST = re.compile(rb"([A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::([1-9][0-9]{0,4}))?")

# What is for one hop alone (RFC 9110 7.6.1), and what no agent may be told by a client (httpoxy and its like).
HOP_BY_HOP = {
    b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer",
    b"upgrade", b"http2-settings",
}  # fmt: skip
NEVER = {
    b"proxy",
    b"x-original-url",
    b"x-rewrite-url",
    b"x-http-method-override",
    b"expect",
    b"forwarded",
    b"x-real-ip",
}
SINGLE = {b"host", b"content-length", b"content-type", b"authorization", b"x-api-key", b"max-forwards"}
OURS = (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-port", b"x-request-id", b"via")


class Malformed(Exception):  # noqa: N818 - what it is called in the RFCs
    """The bytes are no message."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. start: the parts of its first line. framing: none | length | chunked | close."""

    start: tuple[bytes, ...]
    fields: tuple[tuple[bytes, bytes], ...]
    body: bytes
    framing: str
    trailers: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def status(self) -> int:
        """Of a response."""
        return int(self.start[1])

    def all(self, name: str) -> list[bytes]:
        """Every value of a field, in order."""
        return [value for key, value in self.fields if key.lower() == name.lower().encode()]

    def one(self, name: str) -> bytes | None:
        """The only value of a field, None where there is none."""
        found = self.all(name)
        if len(found) > 1:
            raise Malformed(f"{name} is repeated: {found}")
        return found[0] if found else None


def _need(condition: object, what: str, data: bytes) -> None:
    if not condition:
        raise Malformed(f"{what}: {bytes(data[:200])!r}")


def _lines(head: bytes) -> list[bytes]:
    lines = head.split(b"\r\n")
    for line in lines:
        _need(b"\r" not in line and b"\n" not in line and b"\0" not in line, "bare CR, LF or NUL", line)
    return lines


def _fields(lines: list[bytes]) -> tuple[tuple[bytes, bytes], ...]:
    fields = []
    for line in lines:
        name, colon, value = line.partition(b":")
        _need(colon and TOKEN.fullmatch(name), "field name", line)
        value = value.strip(b" \t")
        _need(VALUE.fullmatch(value), "field value", line)
        fields.append((name, value))
    return tuple(fields)


def _framing(fields: tuple[tuple[bytes, bytes], ...]) -> tuple[str, int]:
    lengths = [value for name, value in fields if name.lower() == b"content-length"]
    codings = [value for name, value in fields if name.lower() == b"transfer-encoding"]
    _need(len(lengths) + len(codings) <= 1, "two framings", b" ".join(lengths + codings))
    if codings:
        _need(codings[0] == b"chunked", "coding", codings[0])
        return "chunked", 0
    if lengths:
        _need(re.fullmatch(rb"0|[1-9][0-9]{0,17}", lengths[0]), "length", lengths[0])
        return "length", int(lengths[0])
    return "none", 0


def _trailers(data: bytes, at: int) -> tuple[tuple[tuple[bytes, bytes], ...], int] | None:
    """The trailer section at this place and where it ends."""
    if data[at : at + 2] == b"\r\n":
        return (), at + 2
    end = data.find(b"\r\n\r\n", at)
    return None if end < 0 else (_fields(_lines(data[at:end])), end + 4)


def _chunks(data: bytes, at: int) -> tuple[bytes, tuple[tuple[bytes, bytes], ...], int] | None:
    """Body, trailers and end of the chunked body at this place; None where it is not complete."""
    body = []
    while (end := data.find(b"\r\n", at)) >= 0:
        line = data[at:end]
        _need(re.fullmatch(rb"[0-9A-Fa-f]{1,16}", line), "chunk line", line)
        size, at = int(line, 16), end + 2
        if size == 0:
            found = _trailers(data, at)
            return found and (b"".join(body), *found)
        if len(data) < at + size + 2:
            return None
        _need(data[at + size : at + size + 2] == b"\r\n", "chunk end", data[at + size :])
        body.append(data[at : at + size])
        at += size + 2
    return None


def _read(data: bytes, start: re.Pattern[bytes], *, bodiless: bool | None) -> tuple[Message, int] | None:
    """bodiless: None for a request; for a response, whether it answers HEAD."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    first, *rest = _lines(data[:end])
    match = start.fullmatch(first)
    _need(match, "first line", first)
    assert match is not None
    parts, fields = match.groups(), _fields(rest)
    framing, length = _framing(fields)
    at = end + 4
    if bodiless is not None:
        status = int(parts[1])
        if status < 200 or status == 204:
            _need(framing == "none", "framing on a 1xx or 204", data)
        if bodiless or status < 200 or status in {204, 304}:
            return Message(parts, fields, b"", framing), at
        if framing == "none":
            return Message(parts, fields, data[at:], "close"), len(data)
    if framing == "chunked":
        found = _chunks(data, at)
        return found and (Message(parts, fields, found[0], framing, found[1]), found[2])
    if len(data) < at + length:
        return None
    return Message(parts, fields, data[at : at + length], framing), at + length


REQUEST = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e]+) (HTTP/1\.1)")
RESPONSE = re.compile(rb"(HTTP/1\.1) ([1-5][0-9]{2}) ([\t \x21-\x7e\x80-\xff]*)")


def _target(method: bytes, target: bytes) -> None:
    """origin-form, or asterisk-form of OPTIONS (RFC 9112 3.2): there is no other towards an origin server."""
    if target == b"*":
        _need(method == b"OPTIONS", "asterisk-form", method)
        return
    path, _, query = target.partition(b"?")
    _need(PATH.fullmatch(path), "path", target)
    _need(QUERY.fullmatch(query), "query", target)


def _authority(host: bytes) -> None:
    """uri-host [ ":" port ] as an agent can dial it; empty only for a client of 1.0, which knows none (RFC 9112 3.2)."""
    if not host:
        return
    match = HOST.fullmatch(host)
    _need(match and int(match[2] or 80) < 65536, "Host", host)
    assert match is not None
    if match[1].startswith(b"["):
        try:
            ipaddress.IPv6Address(match[1][1:-1].decode())
        except ValueError:
            _need(condition=False, what="IP literal", data=host)


def read_request(data: bytes) -> tuple[Message, int] | None:
    """The first request and its size; None where it is not complete. Raise Malformed."""
    found = _read(data, REQUEST, bodiless=None)
    if found is not None:
        message = found[0]
        hosts = message.all("host")
        _need(len(hosts) == 1, "Host", data)
        _authority(hosts[0])
        _target(message.start[0], message.start[1])
        _need(not message.trailers, "trailers that nobody asked for", data)
    return found


def read_response(data: bytes, *, head: bool = False, trailers: bool = False) -> tuple[Message, int] | None:
    """The first response and its size; None where it is not complete. Raise Malformed.

    head: it answers HEAD. trailers: the client has asked for them.
    """
    found = _read(data, RESPONSE, bodiless=head)
    if found is not None:
        _need(trailers or not found[0].trailers, "trailers that nobody asked for", data)
    return found


def read_requests(data: bytes) -> list[Message]:
    """All requests on a connection; raise Malformed, also where bytes are left over."""
    messages, rest = read_begun(data)
    _need(not rest, "incomplete", rest)
    return messages


def read_begun(data: bytes) -> tuple[list[Message], bytes]:
    """All complete requests, and the beginning of one that was cut. Raise Malformed, for that as far as it goes."""
    messages = []
    while data:
        found = read_request(data)
        if found is None:
            break
        messages.append(found[0])
        data = data[found[1] :]
    return messages, data


def check_forwarded(message: Message) -> None:
    """Raise Malformed where a gateway must not have sent this request to an agent, though it is well-formed."""
    method, target, _ = message.start
    names = [name.lower() for name, _ in message.fields]
    _need(method not in {b"CONNECT", b"TRACE"}, "method", method)
    path = target.partition(b"?")[0]
    segments = path.split(b"/")[1:]
    _need(not {b".", b".."} & set(segments), "dot segments", target)
    _need(b"" not in segments[:-1], "empty segments", target)
    _need(not re.search(rb"%(?:00|2[eEfFdD]|5[cCfF]|7[eE]|3[0-9]|[46][1-9a-fA-F]|[57][0-9aA])", path), "escape", path)
    upgrade = {b"connection": b"upgrade", b"upgrade": b"websocket"}
    trailers = {b"connection": b"te", b"te": b"trailers"}
    hop = {name.lower(): value.lower() for name, value in message.fields if name.lower() in HOP_BY_HOP}
    _need(hop in ({}, upgrade, trailers), "hop-by-hop fields", repr(hop).encode())
    for name in names:
        _need(name not in NEVER, "field of the client's side", name)
        _need(b"_" not in name, "underscore", name)
    for name in SINGLE:
        _need(names.count(name) <= 1, "repeated field", name)
    for name in OURS:
        _need(names.count(name) == 1 or (name == b"via" and name in names), "field of ours", name)


def check_relayed(message: Message) -> None:
    """Raise Malformed where a gateway must not have sent this response to a client, though it is well-formed."""
    names = [name.lower() for name, _ in message.fields]
    hop = {name.lower(): value.lower() for name, value in message.fields if name.lower() in HOP_BY_HOP}
    allowed: tuple[dict[bytes, bytes], ...] = ({}, {b"connection": b"close"}, {b"connection": b"keep-alive"})
    if message.status == 101:
        allowed = ({b"connection": b"upgrade", b"upgrade": b"websocket"},)
    _need(hop in allowed, "hop-by-hop fields", repr(hop).encode())
    for name in (b"connection", b"content-length", b"content-type", b"x-request-id", b"date"):
        _need(names.count(name) <= 1, "repeated field", name)
