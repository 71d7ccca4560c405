"""Objects as the API server sends them, to the typed values that translation reads.

Why not agw.resources' own decoding: that one reads what people write, walks a schema and fills in defaults. What comes
from an API server has passed both; decoding straight into the types costs a tenth, and status and resourceVersion are
wanted, which a manifest has not.

Rules: a field that the API has and translation has no use for is left where it is: annotations of kubectl and managed
fields are dropped by never being decoded. What of an object must not be lost is its status, which is kept as bytes.

Must not: repair an object; what does not decode raises, and its collection goes on without it.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from agw.resources import model
from agw.resources.core import EndpointSlice, SecretBytes, SliceEndpoint, SlicePort
from agw.resources.meta import Object, ObjectMeta

T = TypeVar("T", bound=Object)

_STATED = frozenset({model.GatewayClass, model.Gateway, model.HTTPRoute, model.Backend, model.TrafficPolicy})
"""Kinds whose status is ours to write."""


@dataclass(frozen=True, slots=True)
class Held(Generic[T]):
    """An object as the server has it. version: its resourceVersion. status: JSON, b"" where there is none."""

    value: T
    version: str = ""
    status: bytes = b""


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""


class _Envelope(msgspec.Struct, frozen=True):
    metadata: _Meta = _Meta()
    kind: str = ""
    status: msgspec.Raw = msgspec.Raw(b"")


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


def reader(kind: type[T], api_version: str) -> Callable[[bytes], Held[T]]:
    """Return the function that decodes one object of the kind; it raises msgspec.DecodeError."""
    decode = msgspec.json.Decoder(kind, dec_hook=_secret).decode
    head = f'{{"kind":"{kind.__name__}","apiVersion":"{api_version}",'.encode()
    stated = kind in _STATED

    def read(data: bytes) -> Held[T]:
        envelope = _envelope(data)
        if not envelope.kind:
            data = head + data[1:]  # items of a list of built-in kinds do not say what they are
        status = bytes(envelope.status) if stated else b""
        return Held(decode(data), envelope.metadata.resource_version, status)

    def read_slice(data: bytes) -> Held[EndpointSlice]:
        found = _slice(data)
        value = EndpointSlice(
            api_version=api_version,
            kind=kind.__name__,
            metadata=found.metadata,
            address_type=found.address_type,
            endpoints=found.endpoints or (),
            ports=found.ports or (),
        )
        return Held(value, _envelope(data).metadata.resource_version)

    return read_slice if kind is EndpointSlice else read  # type: ignore[return-value] # T is EndpointSlice then
