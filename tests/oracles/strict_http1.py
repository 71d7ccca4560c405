"""A strict reader of HTTP/1.1, written apart from the data plane's: what either side of a gateway test received.

Rules: slow and obvious; no leniency at all (RFC 9112 2.2, 5, 6, 7.1): whatever a peer could read in two ways is a
`Malformed`. It must not import anything of agw.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
VALUE = re.compile(rb"[\t \x21-\x7e\x80-\xff]*")


class Malformed(Exception):  # noqa: N818 - what it is called in the RFCs
    """The bytes are no message."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. start: the parts of its first line. framing: none | length | chunked | close."""

    start: tuple[bytes, ...]
    fields: tuple[tuple[bytes, bytes], ...]
    body: bytes
    framing: str

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
        _need(re.fullmatch(rb"0|[1-9][0-9]*", lengths[0]), "length", lengths[0])
        return "length", int(lengths[0])
    return "none", 0


def _chunks(data: bytes, at: int) -> tuple[bytes, int] | None:
    body = b""
    while (end := data.find(b"\r\n", at)) >= 0:
        line = data[at:end]
        _need(re.fullmatch(rb"[0-9A-Fa-f]{1,16}", line), "chunk line", line)
        size, at = int(line, 16), end + 2
        if len(data) < at + size + 2:
            return None
        _need(data[at + size : at + size + 2] == b"\r\n", "chunk end (or a trailer)", data[at + size :])
        if size == 0:
            return body, at + 2
        body += data[at : at + size]
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
        return found and (Message(parts, fields, found[0], framing), found[1])
    if len(data) < at + length:
        return None
    return Message(parts, fields, data[at : at + length], framing), at + length


REQUEST = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e]+) (HTTP/1\.1)")
RESPONSE = re.compile(rb"(HTTP/1\.1) ([1-5][0-9]{2}) ([\t \x21-\x7e\x80-\xff]*)")


def read_request(data: bytes) -> tuple[Message, int] | None:
    """The first request and its size; None where it is not complete. Raise Malformed."""
    found = _read(data, REQUEST, bodiless=None)
    if found is not None:
        _need(len(found[0].all("host")) == 1, "Host", data)
    return found


def read_response(data: bytes, *, head: bool = False) -> tuple[Message, int] | None:
    """The first response and its size; None where it is not complete. head: it answers HEAD. Raise Malformed."""
    return _read(data, RESPONSE, bodiless=head)


def read_requests(data: bytes) -> list[Message]:
    """All requests on a connection; raise Malformed, also where bytes are left over."""
    messages = []
    while data:
        found = read_request(data)
        if found is None:
            raise Malformed(f"incomplete: {data[:200]!r}")
        messages.append(found[0])
        data = data[found[1] :]
    return messages
