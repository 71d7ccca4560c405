"""Keeps the certificates: reads them where they are kept, renews what is due, and hands out what is in force.

    keeper = Keeper(store, names, log)
    await keeper.refresh()               once, before serving: makes them where there are none
    publisher.use(keeper.context())
    await keeper.run(on_change)          for ever; on_change(keeper) when there is something new: publisher.use(...),
                                         and keeper.bundle into the ConfigMaps beside the data planes

Rules: any replica may renew; who writes second finds out, and takes what the first one wrote. A store that does not
answer costs nothing as long as what is known has not ended: it is asked again.

Must not: put a key on disk (TLS wants files: they are in memory, without a name), or know what a Secret is.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol

from agw.controller.publish.authority import Authority, due
from agw.controller.publish.publisher import Log

LOOK = 600.0
"""Seconds between two looks at what is kept and what is due."""

_AGAIN = 5.0  # seconds, where the store did not answer
_ATTEMPTS = 5


class Store(Protocol):
    """Where the certificates are kept: a Secret of the controller's namespace, in a cluster."""

    async def read(self) -> Mapping[str, bytes] | None:
        """Give what is there, None where nothing is."""

    async def write(self, data: Mapping[str, bytes]) -> bool:
        """Replace what `read` gave last, or create it; False where somebody else has written since, or created it."""


class Keeper:
    """The certificates in force."""

    def __init__(
        self,
        store: Store,
        names: tuple[str, ...],
        log: Log,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Begin with nothing. names: by which data planes reach the controller, DNS names or addresses."""
        self._store = store
        self._names = names
        self._log = log
        self._clock = clock
        self._authority: Authority | None = None

    @property
    def bundle(self) -> bytes:
        """What data planes are to trust, PEM."""
        return self._known().bundle

    def context(self) -> ssl.SSLContext:
        """Make the server's TLS context."""
        server = self._known().server
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        with _in_memory(server.certificate) as certificate, _in_memory(server.key) as key:
            context.load_cert_chain(certificate, key)
        return context

    def _known(self) -> Authority:
        if self._authority is None:
            raise RuntimeError("refresh comes first")
        return self._authority

    async def refresh(self) -> bool:
        """Read what is kept and renew what is due; True where what is in force is new. Raises what the store raises."""
        for _ in range(_ATTEMPTS):
            kept = self._read(await self._store.read())
            # What somebody deleted or damaged is put back as it was: new certificates would cut every data plane.
            wanted = due(kept or self._authority, self._names, self._clock())
            if wanted == kept or await self._store.write(wanted.to_data()):
                if wanted != kept:
                    self._log.info("certificates renewed", names=",".join(self._names))
                changed, self._authority = wanted != self._authority, wanted
                return changed
        raise TimeoutError("somebody else goes on writing the certificates")

    def _read(self, data: Mapping[str, bytes] | None) -> Authority | None:
        if data is None:
            return None
        try:
            return Authority.of_data(data)
        except ValueError as error:
            self._log.error("the certificates that are kept cannot be used, and are replaced", error=error)
            return None

    async def run(self, on_change: Callable[[Keeper], None]) -> None:
        """Keep them renewed until cancelled."""
        wait = LOOK
        while True:
            await asyncio.sleep(wait)
            try:
                if await self.refresh():
                    on_change(self)
                wait = LOOK
            except Exception as error:  # noqa: BLE001 - whatever keeps the store from answering, it is asked again
                wait = _AGAIN
                self._log.warning("the certificates cannot be looked at", error=f"{type(error).__name__}: {error}")


@contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    """Give a path that has this content as long as the context lasts."""
    fd = os.memfd_create("certificate", os.MFD_CLOEXEC)
    try:
        os.write(fd, content)
        yield f"/proc/self/fd/{fd}"
    finally:
        os.close(fd)
