"""Who leads on a real API server, and what is left when a controller, a class or a Gateway goes."""

import asyncio
import socket
import sys

import pytest

from agw.controller.process import Process
from agw.kube import Client, Key
from agw.translate.result import CONTROLLER
from tests.controller.cluster import (
    BUDGETS,
    CLASSES,
    CONFIG_MAPS,
    DEPLOYMENTS,
    GATEWAYS,
    LEASES,
    MADE,
    PATIENCE,
    SERVICE_ACCOUNTS,
    SERVICES,
    Log,
    ask,
    cluster,
    condition,
    controller,
    eventually,
    fresh,
    listener,
    options,
    scenario,
)
from tests.ports import free_port


@pytest.mark.parametrize("count", [2])
def test_one_of_two_leads_and_hands_over_when_it_ends(kubeconfig, count):
    async def run():
        async with cluster(kubeconfig) as yours:
            async with controller(kubeconfig, yours.namespace, name="first") as first:
                await yours.gateway()
                await yours.until(GATEWAYS, "gw", fresh)
                async with controller(kubeconfig, yours.namespace, name="second") as second:
                    await eventually(lambda: second._election.holder == "first")
                    assert first._election.leading
                    assert second._reconciler is None
            # `first` is still the leader here, and `second` has gone: nobody has waited for a Lease to run out.
            async with controller(kubeconfig, yours.namespace, name="third") as third:
                await eventually(lambda: third._election.leading)
                await yours.patch(GATEWAYS, "gw", {"spec": {"listeners": [listener("other", 81)]}})
                await yours.until(
                    GATEWAYS, "gw", lambda it: fresh(it) and it["status"]["listeners"][0]["name"] == "other"
                )

    asyncio.run(run())


def test_sigterm_releases_the_lease(kubeconfig):
    """The real command, ended as a kubelet ends it: another replica need not wait until the Lease runs out."""

    async def run():
        async with cluster(kubeconfig) as yours:
            port = free_port()
            command = ["controller", "--kubeconfig", str(kubeconfig), "--namespace", yours.namespace, "--name", "only"]
            command += ["--image", "agw:test", "--publish", "127.0.0.1:0", "--advertise", "127.0.0.1:1"]
            program = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "agw", *command, "--health", f"127.0.0.1:{port}", stderr=asyncio.subprocess.PIPE
            )
            try:
                lease = await yours.until(
                    LEASES, "ack-agent-gateway", lambda it: it and it["spec"]["holderIdentity"] == "only"
                )
                assert lease["spec"]["leaseDurationSeconds"] == 15
                async with asyncio.timeout(PATIENCE):
                    while "agw_controller_leader 1" not in (await ask(port, "/metrics"))[1]:
                        await asyncio.sleep(0.05)  # between two looks
                assert await ask(port, "/readyz") == (200, "leading\n")
                await yours.until(CLASSES, "ack-agent-gateway", lambda it: condition(it, "Accepted")[0] == "True")
                program.terminate()
                _, said = await program.communicate()
                assert program.returncode == 0, said.decode()
                assert (await yours.get(LEASES, "ack-agent-gateway"))["spec"].get("holderIdentity", "") == ""
            finally:
                if program.returncode is None:
                    program.kill()  # it would lead on, for all tests that come after

    asyncio.run(run())


@scenario
async def test_a_class_that_is_gone_takes_nothing_down(yours, process):
    await yours.client.apply(CLASSES, Key("", yours.namespace), {"spec": {"controllerName": CONTROLLER}})
    await yours.gateway(gatewayClassName=yours.namespace)
    budget = await yours.until(BUDGETS, MADE, bool)
    await yours.client.delete(CLASSES, Key("", yours.namespace))
    await eventually(lambda: f"{yours.namespace}/gw" not in process._publisher._ledgers)
    assert await yours.get(BUDGETS, MADE) == budget
    await yours.client.apply(CLASSES, Key("", yours.namespace), {"spec": {"controllerName": CONTROLLER}})
    await eventually(lambda: f"{yours.namespace}/gw" in process._publisher._ledgers)
    await yours.client.delete(CLASSES, Key("", yours.namespace))


@scenario
async def test_deletion_releases_everything(yours, process):
    """Owner references do it: so this needs a garbage collector, which a bare API server has not."""
    await yours.needs_controllers()
    await yours.gateway()
    await yours.until(BUDGETS, MADE, bool)
    await yours.delete(GATEWAYS, "gw")
    for resource in (SERVICES, DEPLOYMENTS, SERVICE_ACCOUNTS, CONFIG_MAPS, BUDGETS):
        await yours.until(resource, MADE, lambda it: it is None)


@scenario
async def test_a_foreground_deletion_is_not_worked_against(yours, process):
    await yours.needs_controllers()
    await yours.gateway()
    await yours.until(BUDGETS, MADE, bool)
    await yours.client.delete(GATEWAYS, yours.key(GATEWAYS, "gw"), propagation="Foreground")
    await yours.until(GATEWAYS, "gw", lambda it: it is None)
    for resource in (SERVICES, DEPLOYMENTS, SERVICE_ACCOUNTS, CONFIG_MAPS, BUDGETS):
        await yours.until(resource, MADE, lambda it: it is None)


class Stubborn(Log):
    """Lets nobody be ready."""

    def info(self, event, **_fields):
        if event == "controller ready":
            raise OSError(event)


def test_who_ends_before_it_has_begun_to_serve_leaves_its_port_to_others(kubeconfig):
    async def run():
        async with cluster(kubeconfig) as yours, Client.find(str(kubeconfig), manager=CONTROLLER) as client:
            own = options(yours.namespace)
            with pytest.raises(ExceptionGroup) as caught:  # which keeps alive whatever was not closed
                await Process(client, own, Stubborn()).run()
            socket.create_server((own.publish.host, own.publish.port)).close()
            assert caught.group_contains(OSError, match="controller ready")

    asyncio.run(run())
