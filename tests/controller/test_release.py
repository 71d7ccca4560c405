"""A Gateway that is another controller's by now: all that was made for it goes, in whatever order things happen."""

import asyncio
import contextlib

from agw.controller import names
from agw.kube import Key, Unreachable
from tests.controller.cluster import (
    BUDGETS,
    CLASSES,
    CONFIG_MAPS,
    DEPLOYMENTS,
    GATEWAYS,
    PATIENCE,
    SERVICE_ACCOUNTS,
    SERVICES,
    cluster,
    controller,
    eventually,
    scenario,
)

MADE = names.made("gw")


@contextlib.asynccontextmanager
async def other_class(yours):
    """The name of a GatewayClass of another controller."""
    await yours.client.apply(CLASSES, Key("", yours.namespace), {"spec": {"controllerName": "example.com/other"}})
    try:
        yield yours.namespace
    finally:
        await yours.client.delete(CLASSES, Key("", yours.namespace))


async def provisioned(yours):
    await yours.gateway()
    await yours.until(BUDGETS, MADE, bool)


async def move(yours, to):
    await yours.patch(GATEWAYS, "gw", {"spec": {"gatewayClassName": to}})


async def let_go(yours):
    for resource in (DEPLOYMENTS, SERVICES, SERVICE_ACCOUNTS, CONFIG_MAPS, BUDGETS):
        await yours.until(resource, MADE, lambda it: it is None or it["metadata"].get("deletionTimestamp"))


async def until_not_ours(yours, process, waiting=0):
    """Wait until nothing is wanted for the Gateway, and so many others at most are worked on."""

    def so():
        provisioner = process._reconciler and process._reconciler.provisioner
        return provisioner and f"{yours.namespace}/gw" not in provisioner._wanted and len(provisioner.queue) <= waiting

    await eventually(so, PATIENCE)


@scenario
async def test_a_gateway_that_changes_class_is_let_go(yours, process):
    async with other_class(yours) as other:
        await provisioned(yours)
        await move(yours, other)
        await let_go(yours)
        assert f"{yours.namespace}/gw" not in process._publisher._ledgers


@scenario
async def test_one_that_changes_class_while_its_data_plane_is_made_is_let_go(yours, process):
    """What was applied after the rest was taken away stayed for ever: a load balancer of nobody's."""
    apply, reached, go = process._client.apply, asyncio.Event(), asyncio.Event()

    async def held_up(resource, *more, **named):
        if resource == SERVICES:
            reached.set()
            await go.wait()
        return await apply(resource, *more, **named)

    process._client.apply = held_up
    async with other_class(yours) as other:
        await yours.gateway()
        async with asyncio.timeout(PATIENCE):
            await reached.wait()
        await move(yours, other)
        await until_not_ours(yours, process, waiting=1)
        go.set()
        await until_not_ours(yours, process)
        await let_go(yours)


@scenario
async def test_one_whose_class_comes_later_is_let_go(yours, process):
    await provisioned(yours)
    await move(yours, yours.namespace)
    await until_not_ours(yours, process)
    assert await yours.get(SERVICES, MADE), "a class that nobody knows says nothing"
    async with other_class(yours):
        await let_go(yours)


@scenario
async def test_one_that_goes_on_from_a_class_that_nobody_knows_is_let_go(yours, process):
    await provisioned(yours)
    await move(yours, "nobody-knows")
    await until_not_ours(yours, process)
    async with other_class(yours) as other:
        await move(yours, other)
        await let_go(yours)


@scenario
async def test_one_that_comes_back_has_its_data_plane_again(yours, process):
    async with other_class(yours) as other:
        await provisioned(yours)
        await move(yours, other)
        await let_go(yours)
        await move(yours, "ack-agent-gateway")
        for resource in (DEPLOYMENTS, SERVICES, SERVICE_ACCOUNTS, CONFIG_MAPS, BUDGETS):
            await yours.until(resource, MADE, lambda it: it and not it["metadata"].get("deletionTimestamp"))


@scenario
async def test_what_a_lost_write_makes_later_goes_too(yours, process):
    """A server that is overloaded may do what it was asked long after nobody waits for its answer."""
    async with other_class(yours) as other:
        await provisioned(yours)
        service = await yours.get(SERVICES, MADE)
        await move(yours, other)
        await let_go(yours)
        await yours.until(SERVICES, MADE, lambda it: it is None)
        metadata = {name: service["metadata"][name] for name in ("labels", "ownerReferences")}
        await yours.create(SERVICES, MADE, {"spec": {"ports": [{"port": 80}]}}, **metadata)
        await let_go(yours)


@scenario
async def test_what_cannot_be_taken_away_keeps_nothing_else_from_going(yours, process):
    delete, answers = process._client.delete, asyncio.Event()

    async def unanswered(resource, *more, **named):
        if resource == DEPLOYMENTS and not answers.is_set():
            raise Unreachable("no answer")
        await delete(resource, *more, **named)

    process._client.delete = unanswered
    async with other_class(yours) as other:
        await provisioned(yours)
        await move(yours, other)
        await yours.until(SERVICES, MADE, lambda it: it is None or it["metadata"].get("deletionTimestamp"))
        assert await yours.get(DEPLOYMENTS, MADE)
        answers.set()
        await let_go(yours)


def test_what_an_earlier_leader_made_goes(kubeconfig):
    async def run():
        async with cluster(kubeconfig) as yours, other_class(yours) as other:
            async with controller(kubeconfig, yours.namespace):
                await provisioned(yours)
            await move(yours, other)
            async with controller(kubeconfig, yours.namespace):
                await let_go(yours)

    asyncio.run(run())
