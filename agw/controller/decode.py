"""Objects as the API server sends them, to the typed values that translation reads.

Why not agw.resources' own decoding: that one reads what people write, walks a schema and fills in defaults. What comes
from an API server has passed both; decoding straight into the types costs a tenth, and status and resourceVersion are
wanted, which a manifest has not. Our own two kinds are the exception: the CRD that they have passed may be newer than
this program, so their specs are walked again (`agw.resources.strict`).

Rules: a field that the API has and translation has no use for is left where it is: annotations of kubectl and managed
fields are dropped by never being decoded. What of an object must not be lost is its status, which is kept as bytes. An
object with a status that cannot be read is a value that says why (`refusal`), so that its author can be told; of the
other kinds it raises, and their collection goes on without it.

Must not: repair an object.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import msgspec

from agw.resources import model, strict
from agw.resources.agentgateway import Unread
from agw.resources.core import EndpointSlice, SecretBytes, SliceEndpoint, SlicePort
from agw.resources.meta import Object, ObjectMeta

T = TypeVar("T", bound=Object)

_STATED = frozenset({model.GatewayClass, model.Gateway, model.HTTPRoute, model.Backend, model.TrafficPolicy})
"""Kinds whose status is ours to write."""


@dataclass(frozen=True, slots=True)
class Held(Generic[T]):
    """An object as the server has it. version: its resourceVersion. status: JSON, b"" where there is none.

    refusal: why it could not be read, "" where it could. Then the value is a stand-in, or where there is none, a bare
    `Object` with no more than metadata (`blank`).
    """

    value: T
    version: str = ""
    status: bytes = b""
    refusal: str = ""

    @property
    def blank(self) -> bool:
        """Whether nothing of the object can be used."""
        return type(self.value) is Object


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""


class _Envelope(msgspec.Struct, frozen=True):
    metadata: _Meta = _Meta()
    kind: str = ""
    status: msgspec.Raw = msgspec.Raw(b"")


class _Plain(msgspec.Struct, frozen=True):
    """An object whose spec is any JSON."""

    metadata: ObjectMeta
    spec: Any = None


class _Slice(msgspec.Struct, frozen=True, rename="camel"):
    """An EndpointSlice on the wire: its lists may be null."""

    metadata: ObjectMeta
    address_type: str
    endpoints: tuple[SliceEndpoint, ...] | None = None
    ports: tuple[SlicePort, ...] | None = None


def _secret(kind: type, value: Any) -> Any:  # noqa: ANN401 - msgspec's hook
    """Take base64 into bytes that never print themselves. The error does not quote it.

    object: a part that nothing looks into (`sessionPersistence`, a Gateway's `tls`) stays as it came.
    """
    if kind is object:
        return value
    if kind is not SecretBytes:
        raise NotImplementedError  # what msgspec wants of a hook that does not know a type
    try:
        return SecretBytes(b64decode(value or "", validate=True))
    except (binascii.Error, TypeError, ValueError):
        raise ValueError("not base64") from None


_envelope = msgspec.json.Decoder(_Envelope).decode
_slice = msgspec.json.Decoder(_Slice).decode
_plain = msgspec.json.Decoder(_Plain).decode


def written(data: bytes, before: Held[T]) -> Held[T]:
    """Take what a write of `before`'s status, of just that version, has answered: all but the status is what it was."""
    envelope = _envelope(data)
    return replace(before, version=envelope.metadata.resource_version, status=bytes(envelope.status))


def reader(kind: type[T], api_version: str) -> Callable[[bytes], Held[T]]:
    """Return the function that decodes one object of the kind.

    It raises msgspec.DecodeError; of a kind with a status only where not even metadata can be read.
    """
    if kind is EndpointSlice:
        return _read_slice(api_version)  # type: ignore[return-value] # T is EndpointSlice then
    decode: Callable[[bytes], T] = _strictly(kind, api_version) if kind in strict.KINDS else _typed(kind, api_version)
    stated = kind in _STATED

    def read(data: bytes) -> Held[T]:
        envelope = _envelope(data)
        version, status = envelope.metadata.resource_version, bytes(envelope.status) if stated else b""
        try:
            value = decode(data)
        except (msgspec.DecodeError, strict.UnreadableError) as error:
            if not stated:
                raise
            blank: Any = Object(api_version, kind.__name__, _plain(data).metadata)
            return Held(blank, version, status, str(error))
        unread: tuple[Unread, ...] = getattr(value, "unread", ())
        return Held(value, version, status, strict.summary(unread))

    return read


def _typed(kind: type[T], api_version: str) -> Callable[[bytes], T]:
    """Decode straight into the type; items of a list of built-in kinds do not say what they are."""
    decode = msgspec.json.Decoder(kind, dec_hook=_secret).decode
    head = f'{{"kind":"{kind.__name__}","apiVersion":"{api_version}",'.encode()
    return lambda data: decode(data if _envelope(data).kind else head + data[1:])


def _strictly(kind: Any, api_version: str) -> Callable[[bytes], Any]:  # noqa: ANN401 - a type of strict.KINDS
    def decode(data: bytes) -> Any:  # noqa: ANN401
        found = _plain(data)
        return strict.read(kind, api_version, found.metadata, found.spec)

    return decode


def _read_slice(api_version: str) -> Callable[[bytes], Held[EndpointSlice]]:
    def read(data: bytes) -> Held[EndpointSlice]:
        found = _slice(data)
        value = EndpointSlice(
            api_version=api_version,
            kind="EndpointSlice",
            metadata=found.metadata,
            address_type=found.address_type,
            endpoints=found.endpoints or (),
            ports=found.ports or (),
        )
        return Held(value, _envelope(data).metadata.resource_version)

    return read
