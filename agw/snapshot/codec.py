"""Snapshots as bytes, and as documents for people.

Why: the controller and the data plane, and the supervisor and its workers, meet in these bytes and nowhere else; the
golden files and the admin port show the same values as plain data.

Rules: the first byte is the number of the format, so that a peer of another release is refused with a reason and not
with a decoding error; then msgpack, whose every value is checked against `model` on the way in. Encoding the same
value twice gives the same bytes (`order` is fixed). A document never shows a digest unless `digests=True`, which is
for test data only.

Must not: know where bytes travel, or repair what does not decode.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from agw.errors import AgwError, Fault
from agw.snapshot.model import Credential, Delta, Entry, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FORMAT = 2
"""Changes when an older reader could misread newer bytes."""

_encoder = msgspec.msgpack.Encoder(order="sorted")
_snapshots = msgspec.msgpack.Decoder(Snapshot)
_deltas = msgspec.msgpack.Decoder(Delta)
_T = TypeVar("_T")
_MAP_OF_2, _MAP_32 = 0x82, b"\xdf"  # of the msgpack specification: a map of two, and one of so many as 4 bytes say


class SnapshotError(AgwError):
    """The bytes are no snapshot or delta that this release can use; the last good one stays in force."""

    fault = Fault.INTERNAL


def encode(value: Snapshot | Delta) -> bytes:
    """Encode for the wire: one byte of format, then msgpack."""
    return bytes((FORMAT,)) + _encoder.encode(value)


def encode_in_parts(entries: Mapping[str, Entry], size: int = 64) -> Iterator[bytes]:
    """Encode a snapshot of version 1 as `decode_snapshot` takes it, so many entries at a time.

    For who has a thread for it: a large snapshot in one call holds up all others for as long as that takes.
    """
    yield bytes((FORMAT, _MAP_OF_2)) + _encoder.encode("entries") + _MAP_32 + len(entries).to_bytes(4, "big")
    keys = sorted(entries)
    for at in range(0, len(keys), size):
        yield b"".join(_encoder.encode(key) + _encoder.encode(entries[key]) for key in keys[at : at + size])
    yield _encoder.encode("version") + _encoder.encode(1)


def decode_snapshot(data: bytes | memoryview) -> Snapshot:
    """Decode and check a snapshot; raise SnapshotError when it is none."""
    return _decode(_snapshots, data)


def decode_delta(data: bytes | memoryview) -> Delta:
    """Decode and check a delta; raise SnapshotError when it is none."""
    return _decode(_deltas, data)


def _decode(decoder: msgspec.msgpack.Decoder[_T], data: bytes | memoryview) -> _T:
    view = memoryview(data)
    if not view:
        message = "no bytes where a snapshot was expected"
        raise SnapshotError(message)
    if view[0] != FORMAT:
        message = f"snapshot format {view[0]}, but this release reads {FORMAT}: run the same release on both sides"
        raise SnapshotError(message)
    try:
        return decoder.decode(view[1:])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = f"a snapshot that does not decode: {error}"
        raise SnapshotError(message) from error


def to_document(entries: Mapping[str, Entry], *, digests: bool = False) -> dict[str, Any]:
    """Give entries as plain data (dict, list, str, int, bool), sorted by key, for JSON and YAML.

    Defaults are left out and tuples become lists. A digest reads "<redacted>", or its hex with digests=True.
    """
    return {key: _plain(entries[key], digests=digests) for key in sorted(entries)}


def _plain(value: object, *, digests: bool) -> object:
    if isinstance(value, Credential):
        return {"consumer": value.consumer, "sha256": value.sha256.hex() if digests else "<redacted>"}
    if isinstance(value, msgspec.Struct):
        fields = {} if value.__struct_config__.tag is None else {"type": value.__struct_config__.tag}
        return fields | {
            field.name: _plain(item, digests=digests)
            for field in msgspec.structs.fields(value)
            if (item := getattr(value, field.name)) != field.default
        }
    if isinstance(value, tuple):
        return [_plain(item, digests=digests) for item in value]
    return value
