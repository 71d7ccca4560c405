"""Leader election by a Lease (coordination.k8s.io/v1): of several candidates at most one leads.

Compatible with client-go's leaderelection, and safe for the same reason: nobody compares clocks of two machines. A
candidate looks at the Lease again and again, and takes it only when it has not changed for as long as its holder had
asked for, measured on the candidate's own clock since it first saw it so. A leader that could not renew for a shorter
time, measured on its own clock since it sent its last good renewal, stops before that. Every write names the version
that it is based on, so that of two writers one is refused.

    candidate --free, or still for its duration--> leader --could not renew in time, or refused--> candidate
                                                     |
                                                     +-- cancelled, or its work is done: released, over

Must not: let the work of a leader go on after `lost` was called without cancelling it.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from agw.kube.client import Client
from agw.kube.errors import AlreadyExists, Conflict, KubeError, NotFound
from agw.kube.objects import Meta, decoder
from agw.kube.resource import Key, Resource

LOG = logging.getLogger("agw.kube")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
Clock = Callable[[], float]

_RELEASE_WITHIN = 5.0  # seconds; a Lease that cannot be released runs out


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds, client-go's. lease: how long others wait. renew: how long a leader tries to. retry: between looks.

    lease > renew > retry, or two could lead at once.
    """

    lease: float = 15.0
    renew: float = 10.0
    retry: float = 2.0


class LeaseSpec(msgspec.Struct, frozen=True, rename="camel"):
    """spec of a Lease. holder_identity: "" where it was released."""

    holder_identity: str | None = ""
    lease_duration_seconds: int | None = 0
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int | None = 0


class Lease(msgspec.Struct, frozen=True):
    """A Lease, as far as an election needs it."""

    metadata: Meta
    spec: LeaseSpec = LeaseSpec()


_decode = decoder(Lease)


@dataclass(frozen=True, slots=True)
class Observation:
    """A Lease and when it was first seen as it is, by our own clock."""

    lease: Lease
    since: float

    def free(self, identity: str, now: float) -> bool:
        """Whether `identity` may take it now."""
        spec = self.lease.spec
        if not spec.holder_identity or spec.holder_identity == identity:
            return True
        return now >= self.since + (spec.lease_duration_seconds or 0)


def observe(before: Observation | None, lease: Lease, now: float) -> Observation:
    """Return the new observation; one that shows nothing new keeps its time."""
    if before is not None and before.lease == lease:
        return before
    return Observation(lease, now)


def claim(spec: LeaseSpec | None, identity: str, timing: Timing, wall: str) -> dict[str, object]:
    """Return the spec that says that `identity` holds it. spec: as it is now, None where there is none."""
    mine = spec is not None and spec.holder_identity == identity
    transitions = 0 if spec is None else (spec.lease_transitions or 0) + (not mine)
    return {
        "holderIdentity": identity,
        "leaseDurationSeconds": max(1, round(timing.lease)),
        "acquireTime": spec.acquire_time if mine and spec is not None else wall,
        "renewTime": wall,
        "leaseTransitions": transitions,
    }


_CLIENT_GO = Timing()


class Election:
    """One candidate. identity: unique among candidates, the pod's name for one.

    leading: whether this one leads now. holder: who does, as far as known, "" for nobody.
    """

    def __init__(self, client: Client, key: Key, identity: str, timing: Timing = _CLIENT_GO) -> None:
        """Nothing is asked before `run`. key: of the Lease. Raises ValueError for times that would let two lead."""
        if not timing.lease > timing.renew > timing.retry > 0:
            raise ValueError("a Lease's times must be lease > renew > retry > 0")
        self.leading = False
        self._shared = self._client = client
        self._key = key
        self._identity = identity
        self._timing = timing
        self._seen: Observation | None = None

    @property
    def holder(self) -> str:
        """Identity of the leader as last seen."""
        return (self._seen.lease.spec.holder_identity or "") if self._seen is not None else ""

    async def run(self, lead: Callable[[], Awaitable[None]], lost: Callable[[], None] | None = None) -> None:
        """Wait until we lead, do `lead()` meanwhile, and begin again when leadership is lost; until `lead` returns.

        `lost` is called at the moment of loss, then `lead` is cancelled and waited for: what others must never see
        done by two belongs where a cancellation stops it at once. When this is cancelled, or `lead` returns or
        raises, the Lease is released, so that another candidate need not wait until it runs out.
        """
        # Renewals must not wait behind a thousand statuses that are being written.
        async with self._shared.reserved() as self._client:
            while not await self._lead(lead, lost or _nothing, await self._acquire()):
                pass

    async def _lead(self, lead: Callable[[], Awaitable[None]], lost: Callable[[], None], renewed: float) -> bool:
        """Lead until it is over (True) or lost (False)."""
        LOG.info("lease %s: %s leads", self._key, self._identity)
        self.leading = True
        work = asyncio.ensure_future(lead())
        renewing = asyncio.create_task(self._renew(renewed), name=f"renew {self._key}")
        try:
            await asyncio.wait({work, renewing}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                await work
                return True
            self.leading = False
            LOG.warning("lease %s: lost by %s", self._key, self._identity)
            lost()
            renewing.result()
            return False
        finally:
            held = not renewing.done()
            renewing.cancel()
            work.cancel()
            await asyncio.wait({renewing, work})
            self.leading = False
            if held:
                await self._release()

    async def _acquire(self) -> float:
        """Return when we have it: the time at which the good write was sent."""
        clock = asyncio.get_running_loop().time
        while True:
            sent = clock()
            try:
                # A connection whose other end has gone must not keep a candidate waiting.
                async with asyncio.timeout(self._timing.renew):
                    if await self._try(clock):
                        return sent
            except (KubeError, TimeoutError) as error:
                LOG.debug("lease %s: %s", self._key, error)
            # Candidates that started together must not look together for ever.
            await asyncio.sleep(self._timing.retry * random.uniform(0.8, 1.2))  # noqa: S311

    async def _renew(self, renewed: float) -> None:
        """Renew until that has failed for too long, or somebody else holds it."""
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(min(self._timing.retry, renewed + self._timing.renew - clock()))
            sent = clock()
            try:
                async with asyncio.timeout_at(renewed + self._timing.renew):
                    if not await self._try(clock):
                        return
                renewed = sent
            except (KubeError, TimeoutError) as error:
                if clock() >= renewed + self._timing.renew:
                    return
                LOG.info("lease %s: not renewed yet: %s", self._key, error)

    async def _try(self, clock: Clock) -> bool:
        """Take or renew it, once. False where another holds it. Raises KubeError."""
        if not (self.leading and self._seen is not None):
            try:
                lease = await self._client.get(LEASES, self._key, _decode)
            except NotFound:
                return await self._create(clock)
            self._seen = observe(self._seen, lease, clock())
        seen = self._seen
        if not seen.free(self._identity, clock()):
            return False
        spec = claim(seen.lease.spec, self._identity, self._timing, _wall())
        try:
            await self._write(seen.lease, spec, clock)
        except (Conflict, NotFound):
            # Perhaps it is still ours, with a label more: look, and if it is, try with the new version at once.
            lease = await self._client.get(LEASES, self._key, _decode)
            self._seen = observe(self._seen, lease, clock())
            if not self.leading or lease.spec.holder_identity != self._identity:
                return False
            await self._write(lease, spec, clock)
        return True

    async def _create(self, clock: Clock) -> bool:
        metadata = {"name": self._key.name, "namespace": self._key.namespace}
        spec = claim(None, self._identity, self._timing, _wall())
        body = {"apiVersion": LEASES.api_version, "kind": LEASES.kind, "metadata": metadata, "spec": spec}
        try:
            data = await self._client.create(LEASES, body, namespace=self._key.namespace)
        except AlreadyExists:
            return False
        self._seen = observe(None, _decode(data), clock())
        return True

    async def _write(self, lease: Lease, spec: dict[str, object], clock: Clock) -> None:
        """Write over that very version; labels and owners of the Lease stay as they are."""
        body = {"metadata": {"resourceVersion": lease.metadata.resource_version}, "spec": spec}
        self._seen = observe(self._seen, _decode(await self._client.patch(LEASES, self._key, body)), clock())

    async def _release(self) -> None:
        clock = asyncio.get_running_loop().time
        if self._seen is None or self.holder != self._identity:
            return
        spec = claim(self._seen.lease.spec, self._identity, self._timing, _wall())
        # One second, as client-go writes it: a candidate that looks at the duration only takes it as soon.
        spec |= {"holderIdentity": "", "leaseDurationSeconds": 1}
        try:
            async with asyncio.timeout(_RELEASE_WITHIN):
                try:
                    await self._write(self._seen.lease, spec, clock)
                except Conflict:
                    # A renewal that was cancelled on its way arrived after all, or the Lease has a label more.
                    lease = await self._client.get(LEASES, self._key, _decode)
                    if lease.spec.holder_identity == self._identity:
                        await self._write(lease, spec, clock)
        except (KubeError, TimeoutError) as error:
            LOG.info("lease %s: not released: %s", self._key, error)


def _nothing() -> None:
    """Nobody wants to know."""


def _wall() -> str:
    """Now, as a MicroTime. For people only: no candidate reads it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
