"""Where a kind of object lives in the API, and how its paths are made (no discovery: a caller knows its kinds).

Everything in a path is quoted, so that no name of an object can lead to another path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote


class Key(NamedTuple):
    """Identity of an object within its resource. namespace: "" for cluster-scoped ones."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """`namespace/name`, or the name."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of the API. group: "" for core. plural: as in its path, `httproutes`."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """`v1`, or `gateway.networking.k8s.io/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def collection(self, namespace: str = "") -> str:
        """Path of all objects, of a namespace or of all. Raises ValueError for a namespace of a cluster-scoped kind."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        if not namespace:
            return f"{root}/{self.plural}"
        if not self.namespaced:
            raise ValueError(f"{self.kind} has no namespace")
        return f"{root}/namespaces/{_segment(namespace)}/{self.plural}"

    def object(self, key: Key, subresource: str = "") -> str:
        """Path of one object, or of a subresource of it. Raises ValueError where the key does not fit the scope."""
        if self.namespaced and not key.namespace:
            raise ValueError(f"{self.kind} {key.name} needs a namespace")
        path = f"{self.collection(key.namespace)}/{_segment(key.name)}"
        return f"{path}/{_segment(subresource)}" if subresource else path


def _segment(text: str) -> str:
    """One quoted segment. "." and ".." would be taken out of a path by whoever normalises it."""
    if text in {"", ".", ".."}:
        raise ValueError(f"{text!r} is no name")
    return quote(text, safe="")
