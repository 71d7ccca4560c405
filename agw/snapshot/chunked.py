"""A map that does not change, and of which a changed one costs little: what a change does not touch is shared.

Why: whoever is given a map of 5,000 entries keeps it while the next one is made, so it cannot be changed in place, and
copying it costs more than all else that a changed route does. Here keys are spread over small dictionaries by their
hash; `replacing` copies those that it changes, and a tuple.

Must not: be used where order matters: keys come chunk by chunk.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_CHUNKS = 128  # of 40 entries each, at 5,000


class ChunkedMap(Mapping[K, V]):
    """A frozen map. Make it with `of`, and the next one with `replacing`."""

    __slots__ = ("_chunks", "_size")

    def __init__(self, chunks: tuple[dict[K, V], ...] = ({},) * _CHUNKS, size: int = 0) -> None:
        """Take chunks that nobody changes; by default the empty map."""
        self._chunks = chunks
        self._size = size

    @classmethod
    def of(cls, items: Mapping[K, V]) -> ChunkedMap[K, V]:
        """Make it of another map."""
        return cls().replacing(items)

    def replacing(self, put: Mapping[K, V], gone: Iterable[K] = ()) -> ChunkedMap[K, V]:
        """Return the map with these entries put in and those keys taken out."""
        chunks = list(self._chunks)
        own: set[int] = set()
        size = self._size
        for key, value in put.items():
            chunk = _own(chunks, own, hash(key) % _CHUNKS)
            size += key not in chunk
            chunk[key] = value
        for key in gone:
            if key in chunks[hash(key) % _CHUNKS]:
                del _own(chunks, own, hash(key) % _CHUNKS)[key]
                size -= 1
        return ChunkedMap(tuple(chunks), size)

    def __getitem__(self, key: K) -> V:
        """Return the value of a key; KeyError where there is none."""
        return self._chunks[hash(key) % _CHUNKS][key]

    def get(self, key: K, default: V | None = None) -> V | None:  # type: ignore[override] # no default of another type
        """Return the value of a key, or the default."""
        return self._chunks[hash(key) % _CHUNKS].get(key, default)

    def __contains__(self, key: object) -> bool:
        """Whether there is such a key."""
        return key in self._chunks[hash(key) % _CHUNKS]

    def __iter__(self) -> Iterator[K]:
        """All keys."""
        for chunk in self._chunks:
            yield from chunk

    def __len__(self) -> int:
        """How many entries."""
        return self._size

    def __repr__(self) -> str:
        """Say how large it is; its values may be many."""
        return f"<ChunkedMap of {self._size}>"


def _own(chunks: list[dict[K, V]], own: set[int], index: int) -> dict[K, V]:
    """Return a chunk that is this call's to change."""
    if index not in own:
        own.add(index)
        chunks[index] = dict(chunks[index])
    return chunks[index]
