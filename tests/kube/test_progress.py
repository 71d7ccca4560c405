"""Whatever happens, what was handed over adds up to what the server has: `Progress` against a server made of values."""

import json

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from agw.kube import Expired, Invalid, KubeError, Malformed, ServerFailed, Unreachable
from agw.kube.errors import Status
from agw.kube.progress import Progress, State
from tests.kube.scripted import bookmark, error, obj, page

NAMES = ("a", "b", "c")


class Server:
    """Objects, and a history that can be forgotten. A version is a number here; to a client it is a text."""

    def __init__(self, *, streams):
        self.streams = streams
        self.version = 1
        self.forgotten = 1
        self.objects = {}
        self.history = []

    def write(self, name):
        self.version += 1
        kind = "MODIFIED" if name in self.objects else "ADDED"
        self.objects[name] = self.version
        self.history.append((self.version, {"type": kind, "object": obj(name, self.version)}))

    def remove(self, name):
        if self.objects.pop(name, None) is not None:
            self.version += 1
            self.history.append((self.version, {"type": "DELETED", "object": obj(name, self.version)}))

    def forget(self):
        self.forgotten = self.version

    def list(self, query):
        """A page. Its token is the version and the name that it goes on after; old versions cannot be gone on with."""
        version, _, after = query.get("continue", f"{self.version}/").partition("/")
        if int(version) < self.forgotten:
            raise Expired(Status(410, "Expired"))
        there = self.at(int(version))
        names = sorted(name for name in there if name > after)
        limit = int(query.get("limit", len(names) or 1))
        more = f"{version}/{names[limit - 1]}" if len(names) > limit else ""
        return json.dumps(page(int(version), *(obj(name, there[name]) for name in names[:limit]), more=more)).encode()

    def at(self, version):
        """What there was."""
        there = {}
        for when, event in self.history:
            if when <= version:
                name = event["object"]["metadata"]["name"]
                there[name] = when
                if event["type"] == "DELETED":
                    del there[name]
        return there

    def watch(self, query):
        """Lines of a watch, up to now."""
        if "sendInitialEvents" in query:
            if not self.streams:
                raise Invalid(Status(422, "Invalid"))
            events = [{"type": "ADDED", "object": obj(name, when)} for name, when in self.objects.items()]
            return [json.dumps(each).encode() for each in [*events, bookmark(self.version, end=True)]]
        since = int(query["resourceVersion"])
        if since < self.forgotten:
            return [json.dumps(error(410, "Expired")).encode()]
        events = [event for when, event in self.history if when > since]
        return [json.dumps(each).encode() for each in [*events, bookmark(self.version)]]


def step(progress, server, fault, cut):
    """One request; the fault happens after so many lines of its answer."""
    query = progress.query(300)
    try:
        if progress.state is State.LISTING:
            if fault is not None:
                raise fault
            progress.page(server.list(query))
            return
        lines = server.watch(query)
        for line in lines if fault is None else lines[:cut]:
            progress.line(line)
        if fault is not None:
            raise fault
    except KubeError as raised:
        progress.failed(raised)


def receive(progress, mirror):
    """Apply what there is to take."""
    batch = progress.take()
    if batch.restart:
        mirror.clear()
    assert not set(batch.applied) & batch.deleted
    assert not (batch.restart and batch.deleted)
    mirror |= batch.applied
    for key in batch.deleted:
        mirror.pop(key, None)


def version(data):
    return int(msgspec.json.decode(data)["metadata"]["resourceVersion"])


FAULTS = st.sampled_from(
    [None, None, Unreachable("cut"), Expired(Status(410, "Gone")), ServerFailed(Status(500)), Malformed("half a line")]
)
ACTIONS = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(NAMES)),
    st.tuples(st.just("remove"), st.sampled_from(NAMES)),
    st.tuples(st.just("forget")),
    st.tuples(st.just("step"), FAULTS, st.integers(0, 4)),
    st.tuples(st.just("step"), st.none(), st.just(0)),
    st.tuples(st.just("take")),
)


@settings(max_examples=300, deadline=None)
@given(
    actions=st.lists(ACTIONS, min_size=15, max_size=40),
    streams=st.booleans(),
    asks=st.booleans(),
    size=st.integers(1, 3),
)
def test_it_adds_up(actions, streams, asks, size):
    server = Server(streams=streams)
    progress = Progress(version, "things", selectors={}, streaming=asks, page=size)
    mirror = {}
    for action, *rest in actions:
        if action == "step":
            step(progress, server, *rest)
        elif action == "take":
            receive(progress, mirror)
        else:
            getattr(server, action)(*rest)
    for _ in range(20):
        step(progress, server, None, 0)
    receive(progress, mirror)
    assert progress.synced
    assert progress.state is State.WATCHING
    assert {key.name: value for key, value in mirror.items()} == server.objects
