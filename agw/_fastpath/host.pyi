"""Types of the loop that hosts us."""

import asyncio
from typing import Self, final

@final
class Host:
    """The loop of this process, as libuv lets an embedder see it."""

    def __new__(cls, loop: asyncio.AbstractEventLoop) -> Self: ...
