"""From what the user wrote to what the proxy must do: ResourceSet -> (snapshots, statuses, problems, losers).

Why one translation: files, a cluster and the tests share it, so that `agw check` prints, with no cluster, the very
conditions that a controller writes.

    translate(resources: ResourceSet) -> Translation           pure, from nothing
    Translator().update(resources: ResourceSet) -> Translation the same value; redoes only what a change affects

    Translation.snapshots  dict "namespace/name" of a Gateway -> dict key -> Entry (agw.snapshot.model)
    Translation.statuses   dict ObjectKey(kind, namespace, name) -> status (agw.translate.status)
    Translation.problems   tuple of Problem, AGW2xxx, with positions
    Translation.losers     tuple of Loser: what takes no traffic, and why

    agw.translate.check.report(resources, translation) -> Report      the payload of `agw check`
    agw.translate.explain.explain(translation, gateway, request) -> Explanation   who takes a request, and why

Rules: never changes its input; invalid configuration becomes an entry that answers correctly (500, 503, 401), never a
missing one. Must not: read files, know a cluster, a clock or a socket.
"""

from agw.translate.result import CLASS_NAMES, CONTROLLER, Loser, ObjectKey, Translation
from agw.translate.translator import Translator, translate

__all__ = ["CLASS_NAMES", "CONTROLLER", "Loser", "ObjectKey", "Translation", "Translator", "translate"]
