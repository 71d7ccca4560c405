"""Who we are to a real API server, who it is to us, and who presents a token."""

import asyncio
import shutil
import socket

import pytest

from agw.kube import (
    Client,
    Forbidden,
    Key,
    Resource,
    Scope,
    Unauthorized,
    Unreachable,
    plain,
    review_token,
)
from agw.kube.credentials import Source
from tests.cluster.certificates import Authority, write_kubeconfig
from tests.kube.proxy import Proxy
from tests.kube.space import (
    ACCOUNTS,
    MAPS,
    STREAMS,
    following,
    mirroring,
    namespace,
    token_of,
    until,
)


async def _may_read(space):
    """Let the service account `reader` watch ConfigMaps."""
    group = "rbac.authorization.k8s.io"
    role = Resource(group, "v1", "roles", "Role")
    binding = Resource(group, "v1", "rolebindings", "RoleBinding")
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}]
    await space.client.apply(role, Key(space.name, "reader"), {"rules": rules})
    subject = {"kind": "ServiceAccount", "name": "reader", "namespace": space.name}
    reference = {"apiGroup": group, "kind": "Role", "name": "reader"}
    await space.client.apply(binding, Key(space.name, "reader"), {"subjects": [subject], "roleRef": reference})


def test_a_watch_goes_on_when_its_token_is_renewed(apiserver, unique, tmp_path, monkeypatch):
    async def run():
        async with namespace(apiserver.kubeconfig, unique) as space, Proxy(apiserver, admin=False) as proxy:
            await space.client.create(ACCOUNTS, {"metadata": {"name": "reader"}}, namespace=space.name)
            await _may_read(space)
            token = tmp_path / "token"
            token.write_text(await token_of(space.client, space.name, "reader"))
            server = f"https://127.0.0.1:{proxy.port}"
            authority = apiserver.authority.data("ca.crt")
            path = write_kubeconfig(tmp_path / "config", server, authority, {"tokenFile": str(token)})
            async with (
                Client.find(str(path)) as reader,
                mirroring(reader, space, STREAMS) as (watcher, mirror),
            ):
                await space.put("a", "1")
                await mirror.until(space.written)
                async with following(mirror):
                    token.write_text("over")
                    monkeypatch.setattr("agw.kube.client._FRESH_SECONDS", 0)
                    proxy.cut()
                    await until(lambda: isinstance(watcher.problem, Unauthorized))
                    token.write_text(await token_of(space.client, space.name, "reader"))
                    await space.put("a", "2")
                    await until(lambda: mirror.known == space.written)
                    assert watcher.problem is None

    asyncio.run(run())


def test_a_token_is_reviewed(kubeconfig, unique):
    async def run():
        async with namespace(kubeconfig, unique) as space:
            client = space.client
            await client.create(ACCOUNTS, {"metadata": {"name": "proxy"}}, namespace=space.name)
            token = await token_of(client, space.name, "proxy", "agw-controller")
            identity = await review_token(client, token, "agw-controller")
            assert identity is not None
            assert identity.service_account == Key(space.name, "proxy")
            assert identity.audiences == ("agw-controller",)
            assert "system:serviceaccounts" in identity.groups
            assert await review_token(client, token, "another") is None
            assert await review_token(client, token[:-4] + "AAAA", "agw-controller") is None
            assert await review_token(client, "", "agw-controller") is None

    asyncio.run(run())


# --- Who we are, and who the server is

REVIEW = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


async def myself(client):
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    return plain(await client.request("POST", REVIEW, body=body))["status"]["userInfo"]["username"]


def test_a_client_certificate_that_is_renewed_is_taken_up(apiserver, tmp_path, monkeypatch):
    monkeypatch.setattr("agw.kube.client._FRESH_SECONDS", 0)
    authority = apiserver.authority

    def give(name):
        authority.sign(name, f"/O=system:masters/CN={name}")
        for end in ("key", "crt"):
            shutil.copy(authority.path(f"{name}.{end}"), tmp_path / f"client.{end}")

    async def run():
        give("first")
        user = {"client-certificate": "client.crt", "client-key": "client.key"}
        path = write_kubeconfig(tmp_path / "config", apiserver.url, authority.data("ca.crt"), user)
        async with Client.find(str(path)) as client:
            assert await myself(client) == "first"
            give("second")
            assert await myself(client) == "second"

    asyncio.run(run())


def test_a_pod_is_its_service_account_and_no_proxy_is_asked(apiserver, unique, tmp_path, monkeypatch):
    async def run():
        async with namespace(apiserver.kubeconfig, unique) as space:
            await space.client.create(ACCOUNTS, {"metadata": {"name": "pod"}}, namespace=space.name)
            (tmp_path / "token").write_text(await token_of(space.client, space.name, "pod") + "\n")
            (tmp_path / "namespace").write_text(space.name + "\n")
            shutil.copy(apiserver.authority.path("ca.crt"), tmp_path)
            monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
            monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(apiserver.port))
            # Pods have NO_PROXY with ranges of addresses, which the library does not understand.
            monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
            async with Client(Source(service_account=str(tmp_path))) as client:
                assert client.namespace == space.name
                assert await myself(client) == f"system:serviceaccount:{space.name}:pod"
                with pytest.raises(Forbidden):
                    await client.list(MAPS, plain, Scope(space.name))

    asyncio.run(run())


def test_a_server_that_another_authority_has_signed_is_not_spoken_to(apiserver, tmp_path):
    async def run():
        stranger = Authority(tmp_path / "pki").data("ca.crt")
        path = write_kubeconfig(tmp_path / "config", apiserver.url, stranger, {"token": "hush"})
        async with Client.find(str(path)) as client:
            with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
                await myself(client)

    asyncio.run(run())


def test_a_peer_that_is_gone_without_a_word_is_noticed(apiserver):
    async def run():
        async with Client.find(str(apiserver.kubeconfig)) as client:
            links = client._connection.links
            await client.request("GET", "/readyz")
            [resting] = links.requests._resting
            async with links.streams.stream("GET", "readyz") as response:
                for found in (resting._transport, response.extensions["network_stream"]):
                    connection = found.get_extra_info("socket")
                    assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
                    assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000

    asyncio.run(run())
