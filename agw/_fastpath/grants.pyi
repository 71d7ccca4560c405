"""Types of the compiled authorization."""

from collections.abc import Iterable
from typing import final

from agw.snapshot.model import AuthorizationRule

@final
class Grants:
    """The rules of one policy, in their order."""

    @property
    def by_operation(self) -> bool:
        """Whether a rule names operations, so that what a request asks for must be known."""
    @property
    def rules(self) -> tuple[AuthorizationRule, ...]: ...
    def permits(self, consumer: str | None, operation: str, known: bool = True) -> bool:
        """Say whether a request is allowed. consumer: None for nobody. operation: "" for none. For tests."""

def grants(rules: Iterable[AuthorizationRule]) -> Grants:
    """Compile rules. Raises ValueError for an action or operation that is not known. For tests."""
