"""Cross-origin resource sharing, as tests call it."""

from typing import final

from agw.snapshot.model import Cors

@final
class CompiledCors:
    """A Cors of the snapshot."""

    def __new__(cls) -> CompiledCors: ...

def allows(cors: Cors, origin: bytes) -> bool:
    """Say whether answers may be read from this origin."""
