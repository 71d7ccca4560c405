"""What tests against a real API server share: a namespace of their own, ConfigMaps, and a mirror of these."""

import asyncio
import json
from contextlib import aclosing, asynccontextmanager

import msgspec

from agw.kube import Backoff, Client, Key, Options, Resource, Scope, Watcher

NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
MAPS = Resource("", "v1", "configmaps", "ConfigMap")
SERVICES = Resource("", "v1", "services", "Service")
ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
EAGER = Backoff(first=0.01, longest=0.2)
STREAMS = Options(backoff=EAGER)
LISTS = Options(streaming=False, page=3, backoff=EAGER)
PATIENCE = 120


def data(raw):
    """What these tests keep of a ConfigMap."""
    return msgspec.json.decode(raw).get("data", {}).get("x")


class Namespace:
    """A namespace of a test's own, and its ConfigMaps."""

    def __init__(self, client, name):
        self.client = client
        self.name = name
        self.written = {}

    async def put(self, name, value):
        key = Key(self.name, name)
        await self.client.apply(MAPS, key, {"data": {"x": value}})
        self.written[key] = value

    async def drop(self, name):
        key = Key(self.name, name)
        await self.client.delete(MAPS, key)
        del self.written[key]


@asynccontextmanager
async def namespace(kubeconfig, unique):
    async with Client.find(str(kubeconfig), manager="agw-test") as client, asyncio.timeout(PATIENCE):
        name = unique()
        await client.create(NAMESPACES, {"metadata": {"name": name}})
        yield Namespace(client, name)


class Mirror:
    """What a watcher says that there is."""

    def __init__(self, batches):
        self.batches = batches
        self.known = {}
        self.restarts = 0

    async def until(self, wanted):
        """Follow until what is known is what is wanted."""
        while self.known != wanted:
            batch = await anext(self.batches)
            if batch.restart:
                self.known = {}
                self.restarts += 1
            self.known |= batch.applied
            for key in batch.deleted:
                self.known.pop(key, None)


@asynccontextmanager
async def following(mirror):
    """Follow in the background."""
    task = asyncio.create_task(mirror.until(None))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


@asynccontextmanager
async def mirroring(client, space, options):
    watcher = Watcher(client, MAPS, data, Scope(space.name), options=options)
    async with aclosing(aiter(watcher)) as batches:
        yield watcher, Mirror(batches)


async def until(condition):
    while not condition():
        await asyncio.sleep(0.01)


async def token_of(client, space, name, *audiences):
    """A token of a service account; without audiences for the API server itself."""
    path = ACCOUNTS.object(Key(space, name), "token")
    spec = {"expirationSeconds": 600} | ({"audiences": list(audiences)} if audiences else {})
    return json.loads(await client.request("POST", path, body={"spec": spec}))["status"]["token"]


async def never(_request, _connection):
    await asyncio.Event().wait()
