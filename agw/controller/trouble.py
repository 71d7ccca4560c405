"""What of a data plane cannot be made or taken away, and what that means for its Gateway. Errors in, values out.

Rules: each object is tried, whatever became of the others, and those that failed are named with the server's own
words: a person who has to raise a quota or mend a webhook has nothing else to go by. What is refused (403, 422) counts
at once; what may do better by itself (no answer, a conflict, 5xx) counts when it has failed `_PATIENCE` times in a row,
or every API server's restart would take every Gateway's `Programmed` away. Where a namespace ends there is no trouble.

Must not: try again, or know what the objects are for beyond whether requests are served without them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agw.controller.provision import AUTOSCALERS, BUDGETS
from agw.errors import AgwError
from agw.kube import ApiError, Forbidden, Key, KubeError, NotFound, Resource

_PATIENCE = 3
_ENDING = "NamespaceTerminating"
_SPARED = frozenset({AUTOSCALERS, BUDGETS})  # a data plane serves without
_MOST = 3  # objects that are named; one cause has often kept all of them


@dataclass(frozen=True, slots=True)
class Failure:
    """An object that could not be written or taken away."""

    resource: Resource
    key: Key
    error: KubeError

    def __str__(self) -> str:
        """Say which object, and what the server said."""
        said = self.error.answer.message if isinstance(self.error, ApiError) else ""
        return f"{self.resource.kind} {self.key.name}: {said or self.error}"


@dataclass(frozen=True, slots=True)
class Trouble:
    """reason: of the Gateway's `Programmed`. serves: requests are served without what cannot be made."""

    said: str
    reason: str = "Invalid"
    serves: bool = False


class NotMadeError(AgwError):
    """Some objects of a data plane could not be made, or not be taken away."""

    retry = True

    def __init__(self, failures: Sequence[Failure]) -> None:
        """Take at least one failure."""
        named = [*map(str, failures[:_MOST])]
        if len(failures) > _MOST:
            named.append(f"and {len(failures) - _MOST} more")
        super().__init__("; ".join(named))
        self.failures = tuple(failures)
        self.retry_after = max(getattr(failure.error, "retry_after", 0.0) for failure in failures)


def judged(error: Exception, times: int) -> Trouble | None:
    """Say what an error means for a Gateway after so many in a row; None: nothing yet."""
    if not isinstance(error, NotMadeError):
        return Trouble(str(error) or type(error).__name__)
    failures = [failure for failure in error.failures if not failure.error.retry or times >= _PATIENCE]
    if not failures:
        return None
    needed = [failure for failure in failures if failure.resource not in _SPARED]
    # 403 is a quota, an admission plugin or a role: there is something that the data plane may not have.
    refused = any(isinstance(failure.error, Forbidden) for failure in needed)
    return Trouble(str(NotMadeError(needed or failures)), "NoResources" if refused else "Invalid", serves=not needed)


def ending(error: KubeError) -> bool:
    """Say whether an object cannot be made because its namespace goes, or has gone."""
    if isinstance(error, Forbidden):
        return any(cause.reason == _ENDING for cause in error.causes)
    return isinstance(error, NotFound) and error.about == "namespaces"
