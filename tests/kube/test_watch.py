"""The watcher against a server that plays a script: what it asks after each kind of trouble, and what it hands over."""

import asyncio
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import msgspec
import pytest

from agw.kube import Backoff, Client, Key, Options, Resource, Scope, State, Watcher
from tests.kube.scripted import (
    Scripted,
    added,
    answers,
    bookmark,
    deleted,
    error,
    modified,
    obj,
    page,
    status,
    watches,
)

THINGS = Resource("example.com", "v1", "things", "Thing")
EAGER = Backoff(first=0.001, longest=0.01)
LISTS = Options(streaming=False, backoff=EAGER)
STREAMS = Options(backoff=EAGER)
EVERYTHING = Scope()


def version(data):
    """What these tests keep of an object."""
    return msgspec.json.decode(data)["metadata"]["resourceVersion"]


@asynccontextmanager
async def watching(folder, *steps, options=STREAMS, decode=version, scope=EVERYTHING):
    async with (
        Scripted(*steps) as server,
        Client.find(server.kubeconfig(folder)) as client,
        asyncio.timeout(30),
    ):
        watcher = Watcher(client, THINGS, decode, scope, options=options)
        async with aclosing(aiter(watcher)) as batches:
            yield server, watcher, batches


def keys(*names):
    return {Key("ns", name) for name in names}


def test_a_streaming_list_is_one_restart_and_goes_on_as_a_watch(tmp_path):
    async def run():
        steps = watches(added("a", 3), added("b", 4), bookmark(9, end=True), modified("a", 10), then="stay")
        async with watching(tmp_path, steps, scope=Scope("ns", "a=b", "metadata.name=x")) as (server, watcher, batches):
            batch = await anext(batches)
            assert batch.restart
            assert batch.applied == {Key("ns", "a"): "10", Key("ns", "b"): "4"}
            assert (watcher.state, watcher.synced, watcher.problem) == (State.WATCHING, True, None)
            [request] = server.requests
            assert request.path == "/apis/example.com/v1/namespaces/ns/things"
            asked = request.query
            assert 225 <= int(asked.pop("timeoutSeconds")) <= 375
            assert asked == {
                "watch": "true",
                "allowWatchBookmarks": "true",
                "sendInitialEvents": "true",
                "resourceVersionMatch": "NotOlderThan",
                "labelSelector": "a=b",
                "fieldSelector": "metadata.name=x",
            }

    asyncio.run(run())


@pytest.mark.parametrize(
    "refusal",
    [
        answers(422, status(422, "Invalid", "sendInitialEvents is forbidden for watch")),
        answers(400, status(400, "BadRequest")),
        watches(added("a", 1), bookmark(2), then="stay"),
    ],
    ids=["invalid", "bad request", "a bookmark of another kind"],
)
def test_a_server_without_streaming_lists_is_listed_in_pages(tmp_path, refusal):
    async def run():
        steps = [
            refusal,
            answers(200, page(0, obj("a", 1), more="token")),
            answers(200, page(7, obj("b", 2))),
            watches(),
        ]
        async with watching(tmp_path, *steps) as (server, _, batches):
            batch = await anext(batches)
            assert batch.restart
            assert set(batch.applied) == keys("a", "b")
            await server.until(4)
            assert [request.query.get("continue") for request in server.requests[1:3]] == [None, "token"]
            assert server.requests[1].query["limit"] == "500"
            assert server.requests[3].query["resourceVersion"] == "7"

    asyncio.run(run())


def test_a_streaming_list_that_never_ends_is_given_up(tmp_path):
    async def run():
        steps = [watches(added("a", 1), then="stay"), answers(200, page(7, obj("a", 1)))]
        options = Options(backoff=EAGER, silence=0.05)
        async with watching(tmp_path, *steps, options=options) as (server, _, batches):
            assert (await anext(batches)).applied == {Key("ns", "a"): "1"}
            assert "watch" not in server.requests[1].query

    asyncio.run(run())


def test_a_watch_goes_on_from_the_newest_version_that_it_saw(tmp_path):
    async def run():
        steps = [
            answers(200, page(5, obj("a", 1))),
            watches(added("b", 6)),
            watches(modified("a", 7), bookmark(12)),
            watches(deleted("b", 13), then="cut"),
            watches(then="stay"),
        ]
        async with watching(tmp_path, *steps, options=LISTS) as (server, _, batches):
            known = {}
            while known != {Key("ns", "a"): "7"}:
                batch = await anext(batches)
                known = {} if batch.restart else known
                known |= batch.applied
                for key in batch.deleted:
                    known.pop(key, None)
            await server.until(5)
            asked = [request.query.get("resourceVersion") for request in server.requests]
            assert asked == [None, "5", "6", "12", "13"]

    asyncio.run(run())


GONE = [
    answers(410, status(410, "Expired")),
    watches(error(410, "Expired")),
    watches(error(410, "Gone"), then="stay"),
]


@pytest.mark.parametrize("gone", GONE, ids=["answer", "in the stream", "in a stream that stays open"])
def test_a_version_that_is_gone_lists_again(tmp_path, gone):
    async def run():
        steps = [answers(200, page(5, obj("a", 1), obj("b", 2))), gone, answers(200, page(50, obj("a", 40))), watches()]
        async with watching(tmp_path, *steps, options=LISTS) as (server, _, batches):
            assert set((await anext(batches)).applied) == keys("a", "b")
            batch = await anext(batches)
            assert batch.restart
            assert batch.applied == {Key("ns", "a"): "40"}
            await server.until(4)
            assert "resourceVersion" not in server.requests[2].query
            assert server.requests[3].query["resourceVersion"] == "50"

    asyncio.run(run())


def test_a_kind_that_is_gone_is_listed_anew_when_it_comes_back(tmp_path):
    async def run():
        gone = answers(404, b"404 page not found")
        steps = [answers(200, page(5, obj("a", 1))), gone, gone, answers(200, page(50)), watches(then="stay")]
        async with watching(tmp_path, *steps, options=LISTS) as (_, _, batches):
            assert set((await anext(batches)).applied) == keys("a")
            batch = await anext(batches)
            assert (batch.restart, batch.applied) == (True, {})

    asyncio.run(run())


def test_a_streaming_list_is_tried_again_after_410(tmp_path):
    async def run():
        steps = [watches(added("a", 1), bookmark(5, end=True), error(410, "Expired")), watches(bookmark(9, end=True))]
        async with watching(tmp_path, *steps) as (server, _, batches):
            assert set((await anext(batches)).applied) == keys("a")
            batch = await anext(batches)
            assert (batch.restart, batch.applied) == (True, {})
            assert "sendInitialEvents" in server.requests[1].query

    asyncio.run(run())


def test_a_list_whose_pages_expire_is_read_whole(tmp_path):
    async def run():
        steps = [
            answers(200, page(0, obj("old", 1), more="token")),
            answers(410, status(410, "Expired", "The provided continue parameter is too old")),
            answers(200, page(9, obj("a", 1))),
        ]
        async with watching(tmp_path, *steps, options=LISTS) as (server, _, batches):
            assert set((await anext(batches)).applied) == keys("a")
            assert server.requests[2].query == {}

    asyncio.run(run())


def test_a_failure_in_the_stream_that_is_no_410_keeps_the_version(tmp_path):
    async def run():
        steps = [answers(200, page(5)), watches(error(500, "InternalError")), watches(then="stay")]
        async with watching(tmp_path, *steps, options=LISTS) as (server, _, batches):
            assert (await anext(batches)).restart
            await server.until(3)
            assert server.requests[2].query["resourceVersion"] == "5"

    asyncio.run(run())


@pytest.mark.parametrize(
    "trouble",
    [answers(500, b"boom"), answers(503, b""), answers(403, status(403, "Forbidden")), answers(200, b"<html>"),
     answers(404, b"404 page not found"), watches(then="cut")],
    ids=["500", "503", "403", "a page that is no list", "404", "cut"],
)  # fmt: skip
def test_it_tries_again_and_says_what_is_wrong_meanwhile(tmp_path, trouble):
    async def run():
        async with watching(tmp_path, trouble, trouble, trouble, options=LISTS) as (server, watcher, batches):
            server.steps += [answers(200, page(5)), watches(then="stay")]
            first = asyncio.ensure_future(anext(batches))
            await server.until(3)
            assert watcher.problem is not None
            assert not watcher.synced
            assert (await first).restart
            assert watcher.problem is None

    asyncio.run(run())


def test_a_watch_that_is_open_again_is_no_problem_though_nothing_happens(tmp_path):
    async def run():
        steps = [answers(200, page(5)), answers(500, b""), watches(then="stay")]
        async with watching(tmp_path, *steps, options=LISTS) as (server, watcher, batches):
            assert (await anext(batches)).restart
            waiting = asyncio.ensure_future(anext(batches))
            await server.until(3)
            while watcher.problem is not None:
                await asyncio.sleep(0.001)
            assert not waiting.done()
            waiting.cancel()
            await asyncio.wait({waiting})

    asyncio.run(run())


def test_a_silent_watch_is_ended_and_resumed(tmp_path):
    async def run():
        steps = [answers(200, page(5)), watches(added("a", 6), then="stay"), watches(added("b", 7), then="stay")]
        options = Options(streaming=False, backoff=EAGER, silence=0.05)
        async with watching(tmp_path, *steps, options=options) as (server, _, batches):
            seen = set()
            while seen != keys("a", "b"):
                seen |= set((await anext(batches)).applied)
            assert server.requests[2].query["resourceVersion"] == "6"

    asyncio.run(run())


def test_a_line_that_is_cut_in_the_middle_is_no_object(tmp_path):
    async def run():
        steps = [answers(200, page(5)), watches(added("a", 6), then="half"), watches(added("b", 7), then="stay")]
        async with watching(tmp_path, *steps, options=LISTS) as (server, _, batches):
            seen = set()
            while seen != keys("a", "b"):
                seen |= set((await anext(batches)).applied)
            assert server.requests[2].query["resourceVersion"] == "6"

    asyncio.run(run())


def test_a_burst_is_one_batch_and_the_last_change_counts(tmp_path):
    async def run():
        events = [added(f"t{number}", number + 10) for number in range(100)]
        events += [deleted("t0", 200), modified("t1", 201), deleted("t2", 202), added("t2", 203)]

        async def burst(request, connection):
            await connection.begin()
            for event in events:
                await connection.send(event)
            await asyncio.Event().wait()

        options = Options(streaming=False, backoff=EAGER, quiet=1.0, longest=10)
        async with watching(tmp_path, answers(200, page(5)), burst, options=options) as (_, _, batches):
            assert (await anext(batches)).restart
            batch = await anext(batches)
            assert len(batch.applied) == 99
            assert batch.deleted == keys("t0")
            assert (batch.applied[Key("ns", "t1")], batch.applied[Key("ns", "t2")]) == ("201", "203")

    asyncio.run(run())


def test_a_change_that_comes_alone_waits_for_nobody_and_many_wait_longer_each_time(tmp_path):
    async def run():
        more = asyncio.Event()

        async def one_by_one(request, connection):
            await connection.begin()
            for number in range(5):
                await more.wait()
                more.clear()
                await connection.send(added(f"t{number}", number + 10))
            await asyncio.Event().wait()

        options = Options(streaming=False, backoff=EAGER, quiet=3600, longest=7200)
        async with watching(tmp_path, answers(200, page(5)), one_by_one, options=options) as (_, watcher, batches):
            assert (await anext(batches)).restart
            pauses = []
            for number in range(2):
                following = asyncio.create_task(anext(batches))  # what is given last is given when more is asked for
                await asyncio.sleep(0)
                watcher._gave = float("-inf")
                more.set()
                assert (await following).applied == {Key("ns", f"t{number}"): str(number + 10)}
            watcher._options = replace(options, longest=0.004)
            watcher._pause = 0.001
            for number in range(2, 5):
                following = asyncio.create_task(anext(batches))
                await asyncio.sleep(0)
                watcher._gave = asyncio.get_running_loop().time() + 0.01
                more.set()
                assert (await following).applied == {Key("ns", f"t{number}"): str(number + 10)}
                pauses.append(watcher._pause)
            assert pauses == [0.002, 0.004, 0.004]

    asyncio.run(run())


def test_an_object_that_cannot_be_decoded_is_told_and_stops_nothing(tmp_path):
    def picky(data):
        if version(data) == "6":
            raise ValueError("no sixes")
        return version(data)

    async def run():
        steps = [
            answers(200, page(5, obj("a", 6), obj("b", 2))),
            watches(modified("a", 7), modified("b", 6), then="stay"),
        ]
        async with watching(tmp_path, *steps, options=LISTS, decode=picky) as (_, _, batches):
            batch = await anext(batches)
            assert (batch.applied, batch.failed) == ({Key("ns", "b"): "2"}, {Key("ns", "a"): "no sixes"})
            batch = await anext(batches)
            assert (batch.applied, batch.failed) == ({Key("ns", "a"): "7"}, {Key("ns", "b"): "no sixes"})

    asyncio.run(run())


def test_the_server_says_how_long_to_wait(tmp_path):
    async def run():
        asked = []

        async def step(request, connection):
            asked.append(asyncio.get_running_loop().time())
            await connection.answer(429, status(429, "TooManyRequests"), Retry_After="1")

        async with watching(tmp_path, step, answers(200, page(5)), options=LISTS) as (_, _, batches):
            assert (await anext(batches)).restart
            assert asyncio.get_running_loop().time() - asked[0] >= 1

    asyncio.run(run())


def test_a_streaming_list_that_is_always_cut_is_asked_for_ever_more_seldom(tmp_path, monkeypatch):
    failures = []
    monkeypatch.setattr(Backoff, "delay", lambda self, *_: failures.append(self.failures) or 0.001)

    async def run():
        half = watches(added("a", 1), then="cut")
        steps = [half, half, half, watches(bookmark(5, end=True), then="cut"), watches(then="stay")]
        async with watching(tmp_path, *steps) as (server, _, batches):
            assert (await anext(batches)).restart
            await server.until(5)
            assert failures == [1, 2, 3, 1]

    asyncio.run(run())


def test_closing_ends_the_watch_at_once(tmp_path):
    async def run():
        async with watching(tmp_path, answers(200, page(5)), watches(then="stay"), options=LISTS) as (_, _, batches):
            assert (await anext(batches)).restart
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())
