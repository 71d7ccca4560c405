"""Leader election and Events against a real API server."""

import asyncio

import pytest

from agw.kube import (
    Client,
    Election,
    Key,
    Recorder,
    Reference,
    Scope,
    Timing,
    plain,
)
from agw.kube.events import EVENTS
from agw.kube.lease import LEASES
from tests.kube.proxy import Proxy
from tests.kube.scripted import status
from tests.kube.space import (
    namespace,
    never,
    until,
)

# --- Leader election

QUICK = Timing(lease=3.0, renew=2.0, retry=0.1)


class Candidate:
    """A candidate that does nothing but lead."""

    def __init__(self, client, key, name, timing=QUICK):
        self.election = Election(client, key, name, timing)
        self.terms = 0
        self.losses = 0
        self.ended = 0
        self.task = asyncio.create_task(self.election.run(self.lead, self.lost))

    async def lead(self):
        self.terms += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.ended += 1

    def lost(self):
        self.losses += 1

    async def stop(self):
        self.task.cancel()
        await asyncio.wait({self.task})


def test_one_of_two_leads_and_hands_over_at_once(kubeconfig, unique):
    async def run():
        async with namespace(kubeconfig, unique) as space:
            key = Key(space.name, "leader")
            long = Timing(lease=60, renew=40, retry=0.1)  # were it not released, nobody would wait for it here
            one = Candidate(space.client, key, "one", long)
            await until(lambda: one.terms == 1)
            two = Candidate(space.client, key, "two", long)
            await until(lambda: two.election.holder == "one")
            assert (one.election.leading, two.election.leading) == (True, False)
            await one.stop()
            assert (one.ended, one.losses) == (1, 0)
            await until(lambda: two.terms == 1)
            lease = await space.client.get(LEASES, key, plain)
            assert (lease["spec"]["holderIdentity"], lease["spec"]["leaseTransitions"]) == ("two", 1)
            await two.stop()
            assert (await space.client.get(LEASES, key, plain))["spec"]["holderIdentity"] == ""

    asyncio.run(run())


def test_a_lease_that_changed_since_its_last_renewal_is_released_all_the_same(kubeconfig, unique):
    async def run():
        async with namespace(kubeconfig, unique) as space:
            key = Key(space.name, "leader")
            one = Candidate(space.client, key, "one", Timing(lease=60, renew=40, retry=30))  # it renews never here
            await until(lambda: one.terms == 1)
            await space.client.patch(LEASES, key, {"metadata": {"labels": {"a": "b"}}})
            await one.stop()
            assert (await space.client.get(LEASES, key, plain))["spec"]["holderIdentity"] == ""

    asyncio.run(run())


def test_a_leader_that_cannot_renew_stops_before_another_begins(apiserver, unique):
    async def run():
        async with (
            Proxy(apiserver) as proxy,
            namespace(apiserver.kubeconfig, unique) as space,
            Client.find(proxy.kubeconfig()) as cut_off,
        ):
            key = Key(space.name, "leader")
            one = Candidate(cut_off, key, "one")
            await until(lambda: one.terms == 1)
            two = Candidate(space.client, key, "two")
            proxy.fault = lambda _: never
            await until(lambda: two.terms == 1)
            assert (one.losses, one.ended, one.election.leading) == (1, 1, False)
            await two.stop()
            proxy.fault = lambda _: None
            await until(lambda: one.terms == 2)
            await one.stop()

    asyncio.run(run())


def test_a_stolen_lease_is_lost_and_a_label_is_not_a_theft(kubeconfig, unique):
    async def run():
        async with namespace(kubeconfig, unique) as space:
            key = Key(space.name, "leader")
            one = Candidate(space.client, key, "one")
            await until(lambda: one.terms == 1)
            await space.client.patch(LEASES, key, {"metadata": {"labels": {"a": "b"}}})
            before = (await space.client.get(LEASES, key, plain))["spec"]["renewTime"]
            while (await space.client.get(LEASES, key, plain))["spec"]["renewTime"] == before:
                assert one.losses == 0
            assert (await space.client.get(LEASES, key, plain))["metadata"]["labels"] == {"a": "b"}
            await space.client.patch(LEASES, key, {"spec": {"holderIdentity": "thief", "leaseDurationSeconds": 1}})
            await until(lambda: one.losses == 1)
            await until(lambda: one.terms == 2)
            await one.stop()

    asyncio.run(run())


def test_work_that_is_done_or_fails_gives_the_lease_back(kubeconfig, unique):
    async def fails():
        raise RuntimeError("of the work")

    async def done():
        pass

    async def run():
        async with namespace(kubeconfig, unique) as space:
            key = Key(space.name, "leader")
            await Election(space.client, key, "one", QUICK).run(done)
            assert (await space.client.get(LEASES, key, plain))["spec"]["holderIdentity"] == ""
            with pytest.raises(RuntimeError, match="of the work"):
                await Election(space.client, key, "two", QUICK).run(fails)
            assert (await space.client.get(LEASES, key, plain))["spec"]["holderIdentity"] == ""

    asyncio.run(run())


# --- Events


def test_events_are_recorded_and_counted(kubeconfig, unique, monkeypatch):
    monkeypatch.setattr("agw.kube.events.SERIES_SECONDS", 0.1)

    async def run():
        async with namespace(kubeconfig, unique) as space:
            recorder = Recorder(space.client, "example.com/controller", "pod-1")
            running = asyncio.create_task(recorder.run())
            gateway = Reference("gateway.networking.k8s.io/v1", "Gateway", space.name, "a" * 253, "some-uid")
            for _ in range(3):
                recorder.record(gateway, reason="Refused", action="Publish", note="why " * 1000, warning=True)
            recorder.record(gateway, reason="Accepted", action="Translate", note="fine")
            recorder.record(Reference("v1", "Nothing", "no-such-namespace", "x"), reason="R", action="A", note="n")

            async def counts():
                listed = await space.client.list(EVENTS, plain, Scope(space.name))
                return {each["reason"]: each.get("series", {}).get("count", 1) for each in listed.items}

            while await counts() != {"Refused": 3, "Accepted": 1}:
                await asyncio.sleep(0.05)
            recorder.record(gateway, reason="Refused", action="Publish", note="why " * 1000, warning=True)
            while await counts() != {"Refused": 4, "Accepted": 1}:
                await asyncio.sleep(0.05)
            [event] = (await space.client.list(EVENTS, plain, Scope(space.name, fields="reason=Refused"))).items
            assert event["type"] == "Warning"
            assert event["regarding"]["uid"] == "some-uid"
            assert event["reportingController"] == "example.com/controller"
            running.cancel()

    asyncio.run(run())


def test_an_event_whose_answer_was_lost_is_recorded_once(apiserver, unique, monkeypatch):
    """A server that is overloaded answers 504 to what it has kept: sent again by another name, that was told twice."""
    monkeypatch.setattr("agw.kube.events.RETRY_SECONDS", 0.1)
    monkeypatch.setattr("agw.kube.events.SERIES_SECONDS", 0.1)

    async def run():
        async with (
            namespace(apiserver.kubeconfig, unique) as space,
            Proxy(apiserver) as proxy,
            Client.find(proxy.kubeconfig()) as client,
        ):

            async def kept_and_lost(request, connection):
                await space.client.request(request.method, request.path, request.query, plain(request.body))
                await connection.answer(504, status(504, "Timeout"))

            faults = [kept_and_lost]
            proxy.fault = lambda request: faults.pop() if faults and request.method == "POST" else None
            recorder = Recorder(client, "example.com/controller", "pod-1")
            running = asyncio.create_task(recorder.run())
            gateway = Reference("gateway.networking.k8s.io/v1", "Gateway", space.name, "gw", "some-uid")
            recorder.record(gateway, reason="Refused", action="Publish", note="why")
            await proxy.until(lambda request: request.method == "POST", 2)
            recorder.record(gateway, reason="Refused", action="Publish", note="why")
            await proxy.until(lambda request: request.method == "PATCH")

            async def counts():
                listed = await space.client.list(EVENTS, plain, Scope(space.name))
                return [each.get("series", {}).get("count", 1) for each in listed.items]

            while 2 not in await counts():
                await asyncio.sleep(0.05)
            assert await counts() == [2]
            running.cancel()

    asyncio.run(run())
