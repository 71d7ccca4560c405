"""What goes wrong between us and a Kubernetes API server, as one tree of exceptions.

An `ApiError` is an answer of the server: it carries the `Status` that it sent (code, reason, message), and is raised as
the class of its reason, so that a caller catches `NotFound` and never compares numbers. Everything else is an answer
that did not come (`Unreachable`) or that nobody can read (`Malformed`).

Rules: `retry` says whether the same request may do better later, `retry_after` (seconds) what the server asks for.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from agw.errors import AgwError, Fault


class KubeError(AgwError):
    """Base of everything that agw.kube raises."""

    fault = Fault.UPSTREAM


class CredentialsError(KubeError):
    """The kubeconfig or the in-cluster credentials cannot be used."""

    fault = Fault.CONFIGURATION


class Unreachable(KubeError):
    """No answer: refused, reset, timed out, or TLS failed."""

    retry = True


class Malformed(KubeError):
    """An answer that is no Kubernetes answer: cut in the middle, or a proxy's error page."""

    retry = True


class Cause(msgspec.Struct, frozen=True):
    """One cause of a refusal. field: `spec.ports[0].port`, "" where it is about no field."""

    reason: str = ""
    message: str = ""
    field: str = ""


class Details(msgspec.Struct, frozen=True, rename="camel"):
    """What the server adds to a failure. kind: plural of what it is about, which need not be what was asked for."""

    kind: str = ""
    causes: tuple[Cause, ...] = ()
    retry_after_seconds: int = 0


class Status(msgspec.Struct, frozen=True):
    """meta/v1 Status. code: of HTTP."""

    code: int = 0
    reason: str = ""
    message: str = ""
    details: Details | None = None


class ApiError(KubeError):
    """The server answered, and not as we hoped. Raised as the subclass of its reason where there is one."""

    code: ClassVar[int] = 0

    def __init__(self, status: Status, subject: str = "", retry_after: float = 0) -> None:
        """Keep what the server said. subject: what was asked, for people."""
        super().__init__(f"{subject}: {status.message or status.reason or status.code}" if subject else status.message)
        self.answer = status
        self.reason = status.reason
        wanted = status.details.retry_after_seconds if status.details else 0
        self.retry_after = max(retry_after, float(wanted))

    @property
    def causes(self) -> tuple[Cause, ...]:
        """The fields that the server objects to, where it says so."""
        return self.answer.details.causes if self.answer.details else ()

    @property
    def about(self) -> str:
        """Plural of the kind that the server misses or objects to, "" where it does not say."""
        return self.answer.details.kind if self.answer.details else ""


class Unauthorized(ApiError):
    """401: the credentials are unknown or over. They may have been renewed by the next time."""

    code = 401
    fault = Fault.CONFIGURATION
    retry = True


class Forbidden(ApiError):
    """403: RBAC or an admission plugin says no. Roles can be bound meanwhile, so a watch tries again."""

    code = 403
    fault = Fault.CONFIGURATION


class NotFound(ApiError):
    """404: no such object, or no such resource (its CRD is not installed)."""

    code = 404


class AlreadyExists(ApiError):
    """409 AlreadyExists: a create of a name that is taken."""

    code = 409


class Conflict(ApiError):
    """409 Conflict: the object has changed meanwhile, or another manager owns the field."""

    code = 409
    retry = True


class Expired(ApiError):
    """410: the resourceVersion or continue token is too old. List again."""

    code = 410
    retry = True


class Invalid(ApiError):
    """422 or 400: the object or the request breaks a rule; `causes` name the fields."""

    code = 422
    fault = Fault.INTERNAL


class TooManyRequests(ApiError):
    """429: slow down; `retry_after` says how much."""

    code = 429
    retry = True


class ServerFailed(ApiError):
    """5xx: etcd, an aggregated server or a webhook failed, or the answer took the server too long."""

    code = 500
    retry = True


_BY_CODE: dict[int, type[ApiError]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Expired,
    422: Invalid,
    429: TooManyRequests,
}
_BY_REASON: dict[str, type[ApiError]] = {"AlreadyExists": AlreadyExists, "Expired": Expired, "Gone": Expired}
_decode = msgspec.json.Decoder(Status).decode


def from_status(status: Status, subject: str = "", retry_after: float = 0) -> ApiError:
    """Return the error for a Status."""
    kind = _BY_REASON.get(status.reason) or _BY_CODE.get(status.code)
    if kind is None:
        kind = ServerFailed if status.code >= 500 else ApiError
    return kind(status, subject, retry_after)


def from_answer(code: int, body: bytes, subject: str, retry_after: float = 0) -> ApiError:
    """Return the error for an answer that is not 2xx. The body may be anything: a proxy's page, or nothing."""
    try:
        status = _decode(body)
    except msgspec.DecodeError:
        status = Status(code=code, message=body[:200].decode(errors="replace").strip())
    if status.code != code:
        status = msgspec.structs.replace(status, code=code)
    return from_status(status, subject, retry_after)
