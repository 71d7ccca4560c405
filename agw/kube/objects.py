"""The few parts of an object that this package reads itself, and decoding for those who know no more.

Rules: metadata.managedFields and the last-applied annotation are not in any type here: they are most of an object's
bytes and nobody's business. `plain` drops them for callers that want dictionaries.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from agw.kube.errors import Malformed, Status
from agw.kube.resource import Key

T = TypeVar("T")
Decode = Callable[[bytes], T]
"""Bytes of one JSON object to whatever the caller keeps. It may raise `msgspec.DecodeError` or ValueError.

Objects of built-in kinds have no apiVersion and kind in a list, and do in a watch.
"""

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
INITIAL_EVENTS_END = "k8s.io/initial-events-end"


class Meta(msgspec.Struct, frozen=True, rename="camel"):
    """metadata, as far as a watch needs it."""

    name: str = ""
    namespace: str = ""
    resource_version: str = ""

    @property
    def key(self) -> Key:
        """Identity of the object."""
        return Key(self.namespace, self.name)


class Identified(msgspec.Struct, frozen=True):
    """Any object, for who it is."""

    metadata: Meta = Meta()


class ListMeta(msgspec.Struct, frozen=True, rename="camel"):
    """metadata of a list. continue_: token of the next page, "" on the last."""

    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class Page(msgspec.Struct, frozen=True):
    """One page of a list; items are views of the page's bytes."""

    metadata: ListMeta = ListMeta()
    items: tuple[msgspec.Raw, ...] | None = ()


class WatchEvent(msgspec.Struct, frozen=True):
    """One line of a watch. type: ADDED | MODIFIED | DELETED | BOOKMARK | ERROR."""

    type: str
    object: msgspec.Raw


class BookmarkMeta(msgspec.Struct, frozen=True, rename="camel"):
    """metadata of a bookmark."""

    resource_version: str = ""
    annotations: dict[str, str] = {}


class Bookmark(msgspec.Struct, frozen=True):
    """The object of a BOOKMARK: up to here you have seen everything."""

    metadata: BookmarkMeta = BookmarkMeta()


_decoders: dict[Any, Callable[[Any], Any]] = {}


def decoder(kind: type[T]) -> Decode[T]:
    """Return the decode function of a type, the same one each time."""
    found = _decoders.get(kind)
    if found is None:
        found = _decoders.setdefault(kind, msgspec.json.Decoder(kind).decode)
    return found


def read(kind: type[T], data: bytes | msgspec.Raw, subject: str) -> T:
    """Decode what the server sent of its own. Raises Malformed."""
    try:
        return decoder(kind)(data)
    except msgspec.DecodeError as error:
        raise Malformed(f"{subject}: {error}") from error


def plain(data: bytes) -> dict[str, Any]:
    """Decode an object into a dictionary, without managedFields and the last-applied annotation."""
    value: dict[str, Any] = decoder(dict[str, Any])(data)
    metadata = value.get("metadata")
    if isinstance(metadata, dict):
        metadata.pop("managedFields", None)
        annotations = metadata.get("annotations")
        if isinstance(annotations, dict):
            annotations.pop(LAST_APPLIED, None)
    return value


def read_status(data: bytes | msgspec.Raw, subject: str) -> Status:
    """Decode a Status that stands where an object could."""
    return read(Status, data, subject)
