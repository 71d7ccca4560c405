"""Types of compiled filters; a table makes them."""

from typing import Self, final

from agw._fastpath.cors import CompiledCors
from agw._fastpath.redirect import CompiledRedirect
from agw.snapshot.model import Filters

@final
class CompiledFilters:
    """Filters and a Retry of the snapshot."""

    def __new__(cls) -> Self: ...
    @property
    def entry(self) -> Filters | None: ...
    @property
    def redirect(self) -> CompiledRedirect | None: ...
    @property
    def cors(self) -> CompiledCors | None: ...

@final
class Filtering:
    """What an exchange with filters remembers."""

    def __new__(cls) -> Self: ...
