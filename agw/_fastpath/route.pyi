"""Types of the compiled policy, backend and rule; a table makes them."""

from typing import Any, final

from agw._fastpath.filters import CompiledFilters
from agw._fastpath.grants import Grants
from agw._fastpath.keys import KeySet
from agw._fastpath.limits import Limits
from agw.snapshot.model import Backend, Policy, Rule

@final
class CompiledPolicy:
    """The policy of a rule. entry: None where the key that a rule names has no entry (then deny)."""

    @property
    def entry(self) -> Policy | None: ...
    @property
    def keys(self) -> KeySet | None: ...
    @property
    def has_auth(self) -> bool: ...
    @property
    def optional(self) -> bool: ...
    @property
    def forward_credential(self) -> bool: ...
    @property
    def public_card(self) -> bool: ...
    @property
    def grants(self) -> Grants | None: ...
    @property
    def limits(self) -> Limits | None: ...
    @property
    def guesses(self) -> Limits | None: ...
    @property
    def max_streams(self) -> int: ...
    @property
    def deny(self) -> bool: ...
    @property
    def key_sources(self) -> tuple[tuple[str, str], ...]:
        """Where a key may be: (header, scheme) each, in the policy's order."""

@final
class CompiledTarget:
    """A weighted group of endpoints of a backend."""

    @property
    def name(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def weight(self) -> int: ...
    @property
    def dns(self) -> bool: ...
    @property
    def endpoints(self) -> tuple[tuple[str, int], ...]: ...

@final
class CompiledBackend:
    """What a route names, with its targets. bound belongs to the pool."""

    bound: Any
    @property
    def key(self) -> str: ...
    @property
    def entry(self) -> Backend: ...
    @property
    def a2a(self) -> bool: ...
    @property
    def affinity(self) -> bool: ...
    @property
    def keep_alive_ms(self) -> int: ...
    @property
    def targets(self) -> tuple[CompiledTarget, ...]: ...
    @property
    def total_weight(self) -> int: ...

@final
class CompiledRule:
    """One rule of a route: its policy, its weighted backends, its timeouts."""

    @property
    def key(self) -> str: ...
    @property
    def entry(self) -> Rule: ...
    @property
    def policy(self) -> CompiledPolicy | None: ...
    @property
    def filters(self) -> CompiledFilters | None: ...
    @property
    def backend_refs(self) -> tuple[CompiledBackend, ...]: ...
    @property
    def error(self) -> bool: ...
    @property
    def variants(self) -> dict[str, CompiledRule] | None:
        """By policy key, where an attachment has a policy of its own."""

    @property
    def weights(self) -> tuple[tuple[str, int], ...]:
        """The weighted backends in order: (backend key, "" where the reference is in error; weight)."""

    @property
    def request_timeout(self) -> int:
        """Milliseconds for the whole exchange; 0 without."""

    @property
    def head_timeout(self) -> int:
        """Milliseconds until the head of the answer; 0 without."""

    @property
    def stream_idle(self) -> int:
        """Milliseconds of an agent's silence on an event stream; 0 without."""

    @property
    def backend_timeout(self) -> int:
        """Milliseconds for one try; 0 without."""
