"""Requests to a Kubernetes API server: typed in what they raise, and with the caller's own decoding.

    async with Client.find() as client:
        gateway = await client.get(GATEWAYS, Key("default", "agw"), decoder(Gateway))
        await client.apply(GATEWAYS, key, {"status": ...}, subresource="status")

Rules: bytes go straight to the caller's decode, with no model of a library in between. Every failure is a `KubeError`;
no exception of the HTTP library leaves this module. Nothing is repeated here: a caller knows what may be repeated.
Must not: keep objects, or log what is in them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeVar

import httpx2
import msgspec

from agw.kube import credentials
from agw.kube.errors import ApiError, CredentialsError, Unreachable, from_answer
from agw.kube.objects import Decode, Page, read
from agw.kube.resource import Key, Resource
from agw.kube.wire import Ask

T = TypeVar("T")
Parameters = Mapping[str, str]
Propagation = Literal["Background", "Foreground", "Orphan"]

PAGE = 500
"""Objects in a page of a list, as kubectl and client-go ask for."""

_FRESH_SECONDS = 5.0  # how often the files of the credentials are looked at
_LEAVE_SECONDS = 1.0  # for handshakes that are under way when all is closed
_APPLY = "application/apply-patch+yaml"  # JSON is YAML
_MERGE = "application/merge-patch+json"
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """A whole list. resource_version: where a watch goes on from."""

    items: tuple[T, ...]
    resource_version: str


@dataclass(frozen=True, slots=True)
class Scope:
    """Which objects of a resource. namespace: "" for all. labels, fields: selectors as kubectl has them, `a=b,c!=d`."""

    namespace: str = ""
    labels: str = ""
    fields: str = ""

    @property
    def selectors(self) -> dict[str, str]:
        """Query parameters of the two selectors."""
        both = (("labelSelector", self.labels), ("fieldSelector", self.fields))
        return {name: value for name, value in both if value}


_EVERYTHING = Scope()


async def _closed(sending: asyncio.Future[httpx2.Response]) -> None:
    """Close a stream as soon as it has begun; what it fails with is nobody's business any more."""
    with suppress(Exception):
        response = await sending
        await response.aclose()


class _Connection:
    """The HTTP clients of certain credentials, and how many requests are under way on them."""

    def __init__(self, made_from: credentials.Credentials, user_agent: str) -> None:
        self.credentials = made_from
        self.links = credentials.connect(made_from, user_agent)
        self.users = 0
        self.retired = False

    async def release(self) -> None:
        self.users -= 1
        if self.retired and not self.users:
            await self.links.close()


class Client:
    """Access to one API server. Make it with `find`; close it, or use it as a context manager.

    namespace: of the context, or the pod's own. manager: the field manager of applies and writes.
    """

    def __init__(self, source: credentials.Source, *, manager: str = "agw", user_agent: str = "agw") -> None:
        """Read the credentials; nothing is sent yet. Raises CredentialsError."""
        self.manager = manager
        self._source = source
        self._user_agent = user_agent
        self._connection = _Connection(credentials.load(source), user_agent)
        self._looked = float("-inf")
        self._leaving: set[asyncio.Future[None]] = set()  # streams that nobody wants any more, until they are closed
        self._turn = asyncio.Semaphore(credentials.REQUESTS_AT_ONCE)

    @classmethod
    def find(cls, kubeconfig: str = "", *, context: str = "", manager: str = "agw", user_agent: str = "agw") -> Self:
        """Return a client for the cluster that kubectl would use here, or the one that this pod is in."""
        return cls(credentials.find(kubeconfig, context), manager=manager, user_agent=user_agent)

    def reserved(self) -> Client:
        """Return another client for the same cluster, whose requests wait for none of this one's. Close it too."""
        return Client(self._source, manager=self.manager, user_agent=self._user_agent)

    @property
    def namespace(self) -> str:
        """Namespace of the context; in a cluster the pod's own."""
        return self._connection.credentials.namespace

    @property
    def server(self) -> str:
        """URL of the API server."""
        return self._connection.credentials.server

    async def get(self, resource: Resource, key: Key, decode: Decode[T], *, subresource: str = "") -> T:
        """Return one object. Raises NotFound."""
        return decode(await self.request("GET", resource.object(key, subresource)))

    async def list(
        self,
        resource: Resource,
        decode: Decode[T],
        scope: Scope = _EVERYTHING,
        *,
        limit: int = PAGE,
    ) -> Listed[T]:
        """Return all objects of a scope, read in pages; each is decoded by itself.

        Raises Expired where the list took longer than the server keeps its pages.
        """
        found: list[T] = []
        parameters = scope.selectors | {"limit": str(limit)}
        path = resource.collection(scope.namespace)
        while True:
            page = read(Page, await self.request("GET", path, parameters), path)
            found += [decode(bytes(item)) for item in page.items or ()]
            if not page.metadata.continue_:
                return Listed(tuple(found), page.metadata.resource_version)
            parameters["continue"] = page.metadata.continue_

    async def create(self, resource: Resource, body: object, *, namespace: str = "") -> bytes:
        """Create an object; return what the server made of it, as JSON. Raises AlreadyExists, Invalid."""
        query = {"fieldManager": self.manager}
        return await self.request("POST", resource.collection(namespace), query, body)

    async def replace(self, resource: Resource, key: Key, body: object, *, subresource: str = "") -> bytes:
        """Replace an object; with its resourceVersion in the body, only that version. Raises Conflict, NotFound."""
        query = {"fieldManager": self.manager}
        return await self.request("PUT", resource.object(key, subresource), query, body)

    async def apply(
        self,
        resource: Resource,
        key: Key,
        body: Mapping[str, Any],
        *,
        subresource: str = "",
        force: bool = True,
    ) -> bytes:
        """Server-side apply: the object has these fields, they are ours, and what we applied before and not now goes.

        body: the fields; apiVersion, kind, and metadata's name and namespace are put in. force: take fields that
        another manager owns, else Conflict is raised.
        """
        metadata = {**body.get("metadata", {}), "name": key.name}
        if key.namespace:
            metadata["namespace"] = key.namespace
        whole = {**body, "apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata}
        query = {"fieldManager": self.manager, "force": "true" if force else "false"}
        path = resource.object(key, subresource)
        return await self.request("PATCH", path, query, whole, content_type=_APPLY)

    async def patch(self, resource: Resource, key: Key, body: object, *, subresource: str = "") -> bytes:
        """JSON merge patch (RFC 7386): null takes a field away. Raises NotFound, Invalid."""
        query = {"fieldManager": self.manager}
        path = resource.object(key, subresource)
        return await self.request("PATCH", path, query, body, content_type=_MERGE)

    async def delete(
        self, resource: Resource, key: Key, *, propagation: Propagation = "Background", uid: str = ""
    ) -> None:
        """Delete an object; what it owns goes as `propagation` says. uid: only that very object. Raises NotFound."""
        options: dict[str, object] = {"propagationPolicy": propagation}
        if uid:
            options["preconditions"] = {"uid": uid}
        await self.request("DELETE", resource.object(key), body=options)

    async def request(
        self,
        method: str,
        path: str,
        query: Parameters | None = None,
        body: object = None,
        *,
        content_type: str = "application/json",
        within: float = 30.0,
    ) -> bytes:
        """Send any request and return the body of its answer. body: what msgspec can encode, or None.

        within: seconds for the whole exchange, once it is its turn (only so many are under way at once). Raises ApiError
        for an answer that is not 2xx, Unreachable for none.
        """
        content = None if body is None else _encode(body)
        ask = Ask(method, path, query or {}, content, content_type)
        try:
            async with self._turn, asyncio.timeout(within), self._borrowed(ask) as links:
                with credentials.authenticated(self.server):
                    answer = await links.requests.send(ask)
        except TimeoutError as error:
            raise Unreachable(f"{ask}: no answer within {within:g} s") from error
        if not answer.is_success:
            raise _refusal(answer.status_code, answer.retry_after, answer.body, str(ask))
        return answer.body

    @asynccontextmanager
    async def stream(
        self, path: str, query: Parameters, *, answer_within: float = 30.0
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """GET whose body is read as it comes. answer_within: seconds for the head; the body has no limit here.

        Raises as `request` does, also while the body is read: one that is cut before its framing's end is Unreachable.
        """
        ask = Ask("GET", path, query)
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(answer_within):
                    response = await stack.enter_async_context(self._streamed(ask))
                    if not response.is_success:
                        wait = response.headers.get("Retry-After", "")
                        raise _refusal(response.status_code, wait, await response.aread(), str(ask))
            except TimeoutError as error:
                raise Unreachable(f"{ask}: no answer within {answer_within:g} s") from error
            yield await stack.enter_async_context(aclosing(response.aiter_bytes()))

    @asynccontextmanager
    async def _streamed(self, ask: Ask) -> AsyncIterator[httpx2.Response]:
        """One answer whose body is left to be read; it is closed at the end."""
        async with self._borrowed(ask) as links:
            response = await self._sent(links, ask)
            try:
                yield response
            finally:
                await response.aclose()

    async def _sent(self, links: credentials.Links, ask: Ask) -> httpx2.Response:
        """Send, and cut nothing off in between: of a connection cancelled in its handshake the library closes nothing."""
        with credentials.authenticated(self.server):
            sending = asyncio.ensure_future(links.streams.send(credentials.built(links.streams, ask), stream=True))
            try:
                return await asyncio.shield(sending)
            except asyncio.CancelledError:
                leaving = asyncio.ensure_future(_closed(sending))
                self._leaving.add(leaving)
                leaving.add_done_callback(self._leaving.discard)
                raise

    @asynccontextmanager
    async def _borrowed(self, ask: Ask) -> AsyncIterator[credentials.Links]:
        """The ways to the server with the newest credentials. What fails on them is raised as ours."""
        connection = await self._current()
        connection.users += 1
        try:
            yield connection.links
        except credentials.BROKEN as error:
            raise Unreachable(f"{ask}: {str(error) or type(error).__name__}") from error
        finally:
            await connection.release()

    async def _current(self) -> _Connection:
        """The connection to use now: a new one where the files of the credentials have changed."""
        now = asyncio.get_running_loop().time()
        if now - self._looked < _FRESH_SECONDS:
            return self._connection
        self._looked = now
        old = self._connection
        if old.credentials.stale():
            # A half-written file is no reason to stop: the old credentials may be good for a while.
            try:
                self._connection = _Connection(credentials.load(self._source), self._user_agent)
            except CredentialsError:
                return old
            old.retired = True
            if not old.users:
                await old.links.close()
        return self._connection

    async def close(self) -> None:
        """End all connections; requests under way fail."""
        if self._leaving:
            _, late = await asyncio.wait(self._leaving, timeout=_LEAVE_SECONDS)
            for each in late:
                each.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._connection.links.close()

    async def __aenter__(self) -> Self:
        """Nothing is opened before the first request."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()


def _refusal(code: int, wait: str, body: bytes, subject: str) -> ApiError:
    return from_answer(code, body, subject, float(wait) if wait.isdigit() else 0)
