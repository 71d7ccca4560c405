"""How the cluster is found, and that credentials which change are taken up, against a server that plays a script."""

import asyncio
import json
import os
import stat
from pathlib import Path

import pytest

from agw.kube import Client, CredentialsError, Key, Resource, Unauthorized, Unreachable, credentials, plain
from agw.kube import client as client_module
from tests.kube.scripted import Scripted, answers, obj, status

THINGS = Resource("example.com", "v1", "things", "Thing")
ONE = Key("ns", "a")
FINE = answers(200, obj("a", 1))
REFUSED = answers(401, status(401, "Unauthorized"))


def config(path: Path, server: str = "", user: object = None, *, current: str = "", name: str = "x") -> Path:
    data = {"apiVersion": "v1", "kind": "Config", "clusters": [], "users": [], "contexts": []}
    if server:
        data["clusters"] = [{"name": name, "cluster": {"server": server}}]
        data["contexts"] = [{"name": name, "context": {"cluster": name, "user": name, "namespace": f"of-{name}"}}]
    if user is not None:
        data["users"] = [{"name": name, "user": user}]
    if current:
        data["current-context"] = current
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data))
    return path


async def get(client):
    return await client.get(THINGS, ONE, plain)


def tokens(server):
    return [request.headers.get("authorization") for request in server.requests]


def test_several_files_are_merged_and_the_first_wins(tmp_path, monkeypatch):
    one = config(tmp_path / "a" / "one", "http://one.invalid", {"tokenFile": "token"}, name="one")
    (tmp_path / "a" / "token").write_text("1")
    two = config(tmp_path / "b" / "two", "http://two.invalid", {"token": "2"}, name="two", current="one")
    three = config(tmp_path / "three", "http://three.invalid", {"token": "3"}, name="one", current="two")
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(map(str, (one, tmp_path / "nowhere", two, three))))

    async def run():
        async with Client.find() as client:
            assert (client.server, client.namespace) == ("http://one.invalid", "of-one")
        async with Client.find(context="two") as client:
            assert client.server == "http://two.invalid"
        async with Client.find(str(three), context="one") as client:
            assert client.server == "http://three.invalid"

    asyncio.run(run())


def test_a_path_is_relative_to_its_file(tmp_path, monkeypatch):
    async def run():
        async with Scripted(FINE) as server:
            config(tmp_path / "deep" / "config", server.url, {"tokenFile": "token"}, current="x")
            (tmp_path / "deep" / "token").write_text("secret\n")
            monkeypatch.chdir(tmp_path)
            async with Client.find("deep/config") as client:
                await get(client)
            assert tokens(server) == ["Bearer secret"]

    asyncio.run(run())


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "a: b", '{"clusters": [], "contexts": [], "current-context": "gone"}', "clusters: [{name: x}]"],
)
def test_a_kubeconfig_that_cannot_be_used_is_refused_in_one_way(tmp_path, text):
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(CredentialsError):
        Client.find(str(path))


def test_no_cluster_at_all(monkeypatch, tmp_path):
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(CredentialsError, match="KUBECONFIG"):
        Client.find()


def test_a_file_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(CredentialsError, match="no such file"):
        Client.find(str(tmp_path / "none"))


def test_a_token_that_is_over_is_read_again(tmp_path):
    async def run():
        token = tmp_path / "token"
        token.write_text("old")

        async def renewing(request, connection):
            token.write_text("new")
            await connection.answer(401, status(401, "Unauthorized"))

        async with Scripted(FINE, renewing, FINE) as server:
            async with Client.find(server.kubeconfig(tmp_path, {"tokenFile": str(token)})) as client:
                await get(client)
                await get(client)
            assert tokens(server) == ["Bearer old", "Bearer old", "Bearer new"]

    asyncio.run(run())


def test_a_token_that_stays_refused_is_said_so(tmp_path):
    async def run():
        async with Scripted(REFUSED, REFUSED) as server, Client.find(server.kubeconfig(tmp_path)) as client:
            with pytest.raises(Unauthorized):
                await get(client)

    asyncio.run(run())


def test_a_renewed_file_is_taken_up_before_anything_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(client_module, "_FRESH_SECONDS", 0)

    async def run():
        token = tmp_path / "token"
        token.write_text("old")
        async with Scripted(FINE, FINE, FINE) as server:
            async with Client.find(server.kubeconfig(tmp_path, {"tokenFile": str(token)})) as client:
                await get(client)
                fresh = tmp_path / "fresh"
                fresh.write_text("new")
                fresh.rename(token)
                await get(client)
                token.unlink()  # in the middle of a rotation there may be nothing: the last one is good for a while
                await get(client)
            assert tokens(server) == ["Bearer old", "Bearer new", "Bearer new"]

    asyncio.run(run())


def test_requests_under_way_end_on_the_old_credentials(tmp_path, monkeypatch):
    monkeypatch.setattr(client_module, "_FRESH_SECONDS", 0)

    async def run():
        token = tmp_path / "token"
        token.write_text("old")
        go = asyncio.Event()

        async def slow(request, connection):
            await go.wait()
            await connection.answer(200, obj("a", 1))

        async with Scripted(slow, FINE) as server:
            async with Client.find(server.kubeconfig(tmp_path, {"tokenFile": str(token)})) as client:
                first = asyncio.create_task(get(client))
                await server.until(1)
                token.write_text("newer")
                await get(client)
                go.set()
                assert (await first)["metadata"]["name"] == "a"
            assert tokens(server) == ["Bearer old", "Bearer newer"]

    asyncio.run(run())


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_a_plugin_gives_the_token_and_is_asked_again(tmp_path, version):
    async def run():
        plugin = tmp_path / "plugin"
        credential = '{"status": {"token": "t\'$n\'"}}'
        told = '{"apiVersion":"client.authentication.k8s.io/%s","kind":"ExecCredential","spec":{"interactive":false}}'
        plugin.write_text(
            f"""#!/bin/sh
            printf %s "$KUBERNETES_EXEC_INFO" > {tmp_path}/info
            echo x >> {tmp_path}/count
            n=$(wc -l < {tmp_path}/count)
            echo '{credential}'
            """
        )
        plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
        user = {"exec": {"apiVersion": f"client.authentication.k8s.io/{version}", "command": str(plugin), "args": ["x"],
                         "interactiveMode": "Never"}}  # fmt: skip
        async with Scripted(FINE, FINE, REFUSED, FINE) as server:
            async with Client.find(server.kubeconfig(tmp_path, user)) as client:
                for _ in range(3):
                    await get(client)
            assert tokens(server) == ["Bearer t1", "Bearer t1", "Bearer t1", "Bearer t2"]
            assert (tmp_path / "info").read_text() == told % version

    asyncio.run(run())


@pytest.mark.parametrize("command", ["/nowhere/plugin", "/bin/false", "/bin/echo"])
def test_a_plugin_that_fails_is_a_problem_of_credentials(tmp_path, command):
    async def run():
        user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": command}}
        async with Scripted(FINE) as server, Client.find(server.kubeconfig(tmp_path, user)) as client:
            with pytest.raises(CredentialsError):
                await get(client)

    asyncio.run(run())


def account(folder, monkeypatch):
    for name, text in (("token", "pods"), ("namespace", "its-own"), ("ca.crt", "")):
        (folder / name).write_text(text)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    return credentials.Source(service_account=str(folder))


def test_a_pod_uses_its_service_account(tmp_path, monkeypatch):
    loaded = credentials.load(account(tmp_path, monkeypatch))
    assert (loaded.server, loaded.namespace) == ("https://[fd00::1]:443", "its-own")
    assert not loaded.stale()
    (tmp_path / "ca.crt").write_text("another")
    assert loaded.stale()


def test_nobody_there(tmp_path):
    async def run():
        async with Scripted() as server:
            path = server.kubeconfig(tmp_path)
        async with Client.find(path) as client:
            with pytest.raises(Unreachable, match="namespaces/ns/things/a"):
                await get(client)

    asyncio.run(run())


def test_no_credential_is_in_an_error(tmp_path):
    path = tmp_path / "config"
    path.write_text("users: [{name: x, user: {token: [hush]}}]\nclusters: []\ncontexts: []\n")
    with pytest.raises(CredentialsError) as caught:
        Client.find(str(path))
    assert "hush" not in str(caught.value)
