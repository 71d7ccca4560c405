"""Rate limits over pods: what this pod has spent goes to a store (Valkey, Redis), what all have spent comes back.

    workers --spend--> shared memory --collect, every 100 ms--> EVALSHA, one round trip --> settle --> shared memory

The store keeps one number for each bucket, as the pods do (agw._fastpath.limits): when it is full again, by the store's
own clock. A script moves it on by what was spent, never less, so that what pods granted each for itself in between is
paid back by all, and over time no more is granted than the limit says.

Rules: no request waits for it. While the store cannot be reached each pod counts for itself (a limit that is `Closed`
refuses instead), and what was spent meanwhile is not told afterwards: a pod that was alone was not bound by the others,
and their clients are not to pay for that. One problem is logged when it begins, and its end.

Must not: know what a bucket stands for, or a key of the configuration: tags are all that leaves the pod.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agw._fastpath.limits import LONGEST, Buckets
from agw.dataplane.logs import Log
from agw.errors import ConfigurationError, Problem
from agw.settings import Settings

if TYPE_CHECKING:
    from redis.asyncio import Redis

PREFIX = "{agw}:limits"
"""Of all names in the store: in braces, so that a cluster keeps them in one slot, which one script can reach."""

_TICK = 100
"""ns in the store's numbers: Lua counts in doubles, and 53 bits of these are enough for a century."""

_EPOCH = 1_750_000_000
"""Seconds of CLOCK_REALTIME at which the store's numbers begin."""

_AGAIN = 0.5
"""Seconds until the next attempt: a store is few, and pods wait for it."""

_AT_ONCE = 500
"""Buckets told of in one script, which nobody else is served beside."""

_TLS: dict[str, Any] = {"ssl_check_hostname": True}
"""Over TLS, where the URL says nothing else: the client's older releases take any name for the store's."""

_SCRIPT = f"""
local at = redis.call('TIME')
local now = (at[1] - {_EPOCH}) * 10000000 + at[2] * 10
local ahead = {{}}
for i = 1, #KEYS do
  local full = math.max(tonumber(redis.call('GET', KEYS[i]) or '0'), now) + tonumber(ARGV[i])
  ahead[i] = string.format('%.0f', math.max(full - now, 0))
  redis.call('SET', KEYS[i], string.format('%.0f', full), 'PX', string.format('%.0f', math.max(full - now, 0) / 10000 + 1000))
end
return ahead
"""


@dataclass(frozen=True, slots=True)
class StoreState:
    """How it goes with the store. trouble: why it cannot be reached, "" where it can."""

    address: str
    reached: bool
    trouble: str
    rounds: int
    failures: int


class LimitStore:
    """Keeps this pod's buckets and the store's together."""

    def __init__(self, settings: Settings, memory: memoryview, log: Log) -> None:
        """Prepare; nothing is connected before `run`. memory: that of limits over pods.

        Raises ConfigurationError where the password file cannot be read, or the client library is not there.
        """
        self._url = settings.limit_store
        self._password_file = settings.limit_store_password_file
        self._every = settings.limit_sync / 1000
        self._lasts = max(20 * self._every, 2.0)
        self._buckets = Buckets(memory, shared=True)
        if find_spec("redis") is None:
            said = "--limit-store needs the package redis: pip install 'agw-gateway[store]'"
            raise ConfigurationError((Problem("AGW3012", said),))
        read_password(self._password_file)
        self._log = log
        self._trouble = "not connected yet"
        self._told = False
        self.rounds = 0
        self.failures = 0

    def state(self) -> StoreState:
        """Describe it."""
        return StoreState(self._url, not self._trouble, self._trouble, self.rounds, self.failures)

    async def run(self) -> None:
        """Go on until cancelled, whatever happens to the store."""
        while not _cancelled():
            try:
                async with self._client() as client:
                    await self._follow(client)
            except Exception as error:  # noqa: BLE001 - whatever a store answers, or its client makes of that: pods serve on
                self._failed(error)
            self._buckets.collect()  # what a pod spent alone is not told afterwards
            await asyncio.sleep(max(self._every, _AGAIN))

    def _client(self) -> Redis:
        from redis.asyncio import Redis  # noqa: PLC0415 - only who has a store pays for the import
        from redis.asyncio.retry import Retry  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415

        url = (
            self._url.replace("valkey", "redis", 1) if self._url.startswith("valkey") else self._url
        )  # the same protocol
        return Redis.from_url(
            url,
            password=read_password(self._password_file) or None,  # each time: it may have been changed
            socket_timeout=1,
            socket_connect_timeout=1,
            retry=Retry(NoBackoff(), 0),
            client_name="agw",
            **_TLS if url.startswith("rediss:") else {},
        )

    async def _follow(self, client: Redis) -> None:
        """Tell and take, round after round, until something fails."""
        self._buckets.agree(await self._secret(client))
        script = client.register_script(_SCRIPT)
        self._buckets.collect()
        while not _cancelled():
            began = time.monotonic()
            spent = self._buckets.collect()
            if spent:
                for at in range(0, len(spent), _AT_ONCE):
                    await self._round(script, spent[at : at + _AT_ONCE])
            else:
                await client.ping()
            self._reached()
            await asyncio.sleep(max(0.0, self._every - (time.monotonic() - began)))

    async def _secret(self, client: Redis) -> bytes:
        """Give what all pods hash with: whoever comes first makes it."""
        name = f"{PREFIX}:secret"
        await client.set(name, os.urandom(32), nx=True)
        secret = await client.get(name)
        if not isinstance(secret, bytes) or len(secret) != 32:
            raise OSError(f"{name} of the store is not what agw put there")
        return secret

    async def _round(self, script: Any, spent: Sequence[tuple[int, int]]) -> None:  # noqa: ANN401 - untyped upstream
        answers = await script(
            keys=[f"{PREFIX}:{tag:016x}" for tag, _ in spent], args=[round(each / _TICK) for _, each in spent]
        )
        if not isinstance(answers, list) or len(answers) != len(spent):
            raise OSError("the store's answer is not what its script gives")
        aheads = [min(max(int(each), 0) * _TICK, LONGEST) for each in answers]
        now = time.monotonic_ns()
        for (tag, _), ahead in zip(spent, aheads, strict=True):
            self._buckets.settle(tag, ahead, now)

    def _reached(self) -> None:
        self.rounds += 1
        self._buckets.reach(time.monotonic_ns() + int(self._lasts * 1e9))
        if self._trouble:
            self._log.info("the store of rate limits is reached", store=self._url)
        self._trouble = ""
        self._told = False

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        self._trouble = f"{type(error).__name__}: {error}"
        if not self._told:
            self._told = True
            self._log.error(
                "the store of rate limits cannot be reached: each pod counts for itself, limits that are Closed refuse",
                store=self._url,
                error=self._trouble,
            )


def _cancelled() -> bool:
    """Whether this task was cancelled, though the client may have taken the CancelledError for a time that ran out."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def read_password(path: str) -> str:
    """Read a password file, whose first line it is; "" without one. Raises ConfigurationError, naming the file."""
    if not path:
        return ""
    try:
        text = Path(path).read_text("utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigurationError((Problem("AGW3011", f"--limit-store-password-file {path}: {said}"),)) from None
    if not text:
        raise ConfigurationError((Problem("AGW3011", f"--limit-store-password-file {path}: the file is empty"),))
    return text
