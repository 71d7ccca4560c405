"""How a list-and-watch proceeds: what to ask the server next, and what its answer means. Values in, values out.

                    +---------------------------- Expired ----------------------------+
                    |                                                                 |
                    v            initial-events-end                                   |
    start --> STREAMING ------------------------------------------> WATCHING ---------+
                    |                                                  ^  |
                    | refused (an old server), or it never ends        |  | end, silence, failure:
                    v                  last page                       |  | again from the last version
    start -----> LISTING ----------------------------------------------+  |
                    ^  |                                               ^--+
                    +--+ page; Expired: all over again, unpaged

STREAMING is a streaming list (KEP-3157): a watch that begins with an ADDED for each object that exists and a bookmark
that says that these were all. It spares both sides the whole list in memory. LISTING is pages of a list. Either gathers
everything and then gives one `Restart`. WATCHING gives changes as they come, and remembers the newest version that it
has seen, bookmarks' too (KEP-956), to go on from.

What resourceVersion means: an opaque text; never compared, only handed back. A list without one is of now, so that a
restart never goes back in time, as one from the cache of another API server could.

Must not: know a socket, a clock or chance; keep an object longer than until it is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

import msgspec

from agw.kube.errors import Expired, Invalid, KubeError, Malformed, NotFound, from_status
from agw.kube.objects import (
    INITIAL_EVENTS_END,
    Bookmark,
    Decode,
    Identified,
    Page,
    WatchEvent,
    read,
    read_status,
)
from agw.kube.resource import Key

T = TypeVar("T")


class State(Enum):
    """Where a list-and-watch stands."""

    STREAMING = "streaming"
    LISTING = "listing"
    WATCHING = "watching"


@dataclass(frozen=True, slots=True)
class Batch(Generic[T]):
    """What changed, at once. A key is in one of the three at most.

    restart: `applied` and `failed` are all that there is; whatever else the receiver has is gone.
    failed: objects that the caller's decode refused, with its message. They exist, and their value is unknown.
    """

    restart: bool
    applied: dict[Key, T]
    deleted: frozenset[Key]
    failed: dict[Key, str]

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.restart or self.applied or self.deleted or self.failed)


class Changes(Generic[T]):
    """A batch in the making: of several changes of an object the last one counts."""

    def __init__(self, *, restart: bool = False) -> None:
        """Begin with none."""
        self.restart = restart
        self.applied: dict[Key, T] = {}
        self.deleted: set[Key] = set()
        self.failed: dict[Key, str] = {}

    def put(self, key: Key, data: bytes, decode: Decode[T]) -> None:
        """An object that is there."""
        self.drop(key)
        try:
            self.applied[key] = decode(data)
        except (msgspec.DecodeError, ValueError, TypeError, KeyError) as error:
            self.failed[key] = str(error) or type(error).__name__
        self.deleted.discard(key)

    def drop(self, key: Key) -> None:
        """An object that is gone."""
        self.applied.pop(key, None)
        self.failed.pop(key, None)
        self.deleted.add(key)

    def take(self) -> Batch[T]:
        """Return what there is."""
        gone = frozenset() if self.restart else frozenset(self.deleted)
        return Batch(self.restart, self.applied, gone, self.failed)


class Progress(Generic[T]):
    """A list-and-watch of one collection, without its input and output.

    `state` says what `query` asks for: a page of a list, or a watch. Feed it pages and lines; `fresh` tells whether
    something is there to `take`. `failed` is told of what was raised.
    """

    def __init__(
        self, decode: Decode[T], subject: str, *, selectors: dict[str, str], streaming: bool, page: int
    ) -> None:
        """Nothing is known yet. selectors: query parameters. streaming: try a streaming list first."""
        self.state = State.STREAMING if streaming else State.LISTING
        self.synced = False
        self._decode = decode
        self._subject = subject
        self._selectors = selectors
        self._streaming = streaming
        self._page = page
        self._paged = True
        self._version = ""
        self._continue = ""
        self._gathered: Changes[T] = Changes(restart=True)
        self._fresh: Changes[T] = Changes()

    @property
    def fresh(self) -> bool:
        """Whether `take` gives anything."""
        fresh = self._fresh
        return bool(fresh.restart or fresh.applied or fresh.deleted or fresh.failed)

    @property
    def restarting(self) -> bool:
        """Whether what there is to take is a restart."""
        return self._fresh.restart

    def take(self) -> Batch[T]:
        """Return the changes since the last time."""
        taken, self._fresh = self._fresh.take(), Changes()
        return taken

    def query(self, seconds: int) -> dict[str, str]:
        """Query parameters of the next request. seconds: how long the server should keep a watch open."""
        if self.state is State.LISTING:
            pages = {"limit": str(self._page)} if self._paged else {}
            return self._selectors | pages | ({"continue": self._continue} if self._continue else {})
        watch = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(seconds)}
        if self.state is State.STREAMING:
            self._gathered = Changes(restart=True)
            watch |= {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
            return self._selectors | watch
        return self._selectors | watch | {"resourceVersion": self._version}

    def page(self, data: bytes) -> None:
        """A page of the list came. Raises Malformed."""
        page = read(Page, data, self._subject)
        for item in page.items or ():
            raw = bytes(item)
            self._gathered.put(self._key(raw), raw, self._decode)
        self._continue = page.metadata.continue_
        if not self._continue:
            self._complete(page.metadata.resource_version)

    def line(self, data: bytes) -> None:
        """A line of a watch came. Raises what an ERROR event says, or Malformed."""
        event = read(WatchEvent, data, self._subject)
        if event.type in {"ADDED", "MODIFIED", "DELETED"}:
            self._change(event.type, bytes(event.object))
        elif event.type == "BOOKMARK":
            self._bookmark(read(Bookmark, event.object, self._subject))
        elif event.type == "ERROR":
            raise from_status(read_status(event.object, self._subject), self._subject)
        # Another type would be of a newer API, and the version goes on with the next that we know.

    def failed(self, error: KubeError) -> None:
        """What the last request raised; decides what the next one is."""
        if isinstance(error, Expired):
            # A list whose pages expire has become too slow for its pages.
            self._paged = not (self.state is State.LISTING and self._continue)
            self._begin()
        elif self.state is State.STREAMING and isinstance(error, Invalid):
            self.refuse_streaming()
        elif self.state is State.WATCHING and isinstance(error, Invalid | Malformed | NotFound):
            # The version means nothing to this server (its etcd was restored from a backup), or the whole kind is gone
            # (its CRD was deleted), and what comes back of it has another history.
            self._begin()

    def refuse_streaming(self) -> None:
        """The server has no streaming lists: list in pages from now on."""
        self._streaming = False
        self._begin()

    def _begin(self) -> None:
        self.state = State.STREAMING if self._streaming else State.LISTING
        self._gathered, self._continue = Changes(restart=True), ""

    def _complete(self, version: str) -> None:
        # What was not taken yet is older than what has been gathered now.
        self._fresh, self._gathered = self._gathered, Changes()
        self._version = version
        self.state = State.WATCHING
        self.synced, self._paged = True, True

    def _change(self, kind: str, raw: bytes) -> None:
        meta = read(Identified, raw, self._subject).metadata
        changes = self._gathered if self.state is State.STREAMING else self._fresh
        if kind == "DELETED":
            changes.drop(meta.key)
        else:
            changes.put(meta.key, raw, self._decode)
        if self.state is State.WATCHING:
            self._version = meta.resource_version

    def _bookmark(self, bookmark: Bookmark) -> None:
        version = bookmark.metadata.resource_version
        if self.state is State.WATCHING:
            self._version = version
        elif bookmark.metadata.annotations.get(INITIAL_EVENTS_END) == "true":
            self._complete(version)
        else:
            # Only a server that has never heard of sendInitialEvents sends another bookmark before that one.
            raise Invalid(read_status(b"{}", self._subject), self._subject)

    def _key(self, raw: bytes) -> Key:
        return read(Identified, raw, self._subject).metadata.key
