"""Ask the API server who presents a token (TokenReview, authentication.k8s.io/v1).

Must not: log a token, or keep one.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from agw.kube.client import Client
from agw.kube.objects import read
from agw.kube.resource import Key, Resource

TOKEN_REVIEWS = Resource("authentication.k8s.io", "v1", "tokenreviews", "TokenReview", namespaced=False)

_ACCOUNT = "system:serviceaccount:"


class _User(msgspec.Struct, frozen=True):
    username: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: dict[str, tuple[str, ...]] = {}


class _Status(msgspec.Struct, frozen=True):
    authenticated: bool = False
    user: _User = _User()
    audiences: tuple[str, ...] = ()
    error: str = ""


class _Review(msgspec.Struct, frozen=True):
    status: _Status = _Status()


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a token stands for. audiences: those asked for that the token has.

    extra: `authentication.kubernetes.io/pod-name` and others, where the token is bound to a pod.
    """

    username: str
    uid: str
    groups: tuple[str, ...]
    audiences: tuple[str, ...]
    extra: dict[str, tuple[str, ...]]

    @property
    def service_account(self) -> Key | None:
        """Namespace and name where it is a service account, else None."""
        if not self.username.startswith(_ACCOUNT):
            return None
        namespace, _, name = self.username.removeprefix(_ACCOUNT).partition(":")
        return Key(namespace, name) if namespace and name else None


async def review_token(client: Client, token: str, audience: str) -> Identity | None:
    """Return whom the token stands for; None where it is not valid, or not for this audience. Raises KubeError.

    The audience is compared here too: a server that authenticates by a webhook which knows of no audiences answers
    without any, and such a token could have been presented to anybody.
    """
    if not token:
        return None  # the server would call the request invalid
    body = {
        "apiVersion": TOKEN_REVIEWS.api_version,
        "kind": TOKEN_REVIEWS.kind,
        "spec": {"token": token, "audiences": [audience]},
    }
    status = read(_Review, await client.create(TOKEN_REVIEWS, body), "TokenReview").status
    if not status.authenticated or audience not in status.audiences:
        return None
    user = status.user
    return Identity(user.username, user.uid, user.groups, status.audiences, user.extra)
