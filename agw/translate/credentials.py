"""Secrets as sets of digests: each entry of a Secret is one consumer's key, and only its SHA-256 goes on.

Rules: the value is the key itself, or "sha256:" and 64 hex digits. One trailing newline is taken off, because every
editor and `echo` adds one, and this is said. What can be no key (empty, a malformed digest, bytes that no header value
can carry) is refused and said, never guessed at. Of two consumers with one key the first by name has it.

Must not: put a value, or a part of one, into a message.
"""

from __future__ import annotations

import re
from binascii import unhexlify
from dataclasses import dataclass
from hashlib import sha256

from agw.errors import Problem
from agw.resources import paths
from agw.resources.core import Secret
from agw.snapshot.model import Credential, CredentialSet
from agw.translate import codes
from agw.translate.graph import Ask, Query
from agw.translate.inputs import SECRET_OBJECT
from agw.translate.result import ObjectKey

_DIGEST = b"sha256:"
_HEX = re.compile(rb"[0-9A-Fa-f]{64}")
# RFC 9110 5.5: a field value is VCHAR, obs-text, and SP or HTAB inside only.
_SENDABLE = re.compile(rb"[\x21-\x7e\x80-\xff](?:[\x20\x09\x21-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?")


@dataclass(frozen=True, slots=True)
class CredentialState:
    """exists: the Secret is there. entry: never absent, since an empty set lets nobody in."""

    key: str
    entry: CredentialSet
    exists: bool = False
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def _credentials(ask: Ask, namespace: str, name: str) -> CredentialState:
    key, ref = f"credentials/{namespace}/{name}", f"{namespace}/{name}"
    secret = ask(SECRET_OBJECT, namespace, name)
    if secret is None:
        return CredentialState(key, CredentialSet(ref=ref))
    subject = ObjectKey("Secret", namespace, name)
    credentials: dict[bytes, str] = {}
    problems: list[Problem] = []
    for consumer in sorted(secret.data):
        digest, found = _digest(subject, consumer, secret)
        problems += found
        if digest is None:
            continue
        if digest in credentials:
            said = f"{consumer} has the same key as {credentials[digest]}, who is taken for its consumer"
            problems.append(codes.warning(codes.KEY_TWICE, subject, _path(consumer), said))
        credentials.setdefault(digest, consumer)
    entry = CredentialSet(
        ref=ref, credentials=tuple(Credential(consumer, digest) for digest, consumer in credentials.items())
    )
    return CredentialState(
        key, entry, exists=True, notes=tuple(problem.message for problem in problems), problems=tuple(problems)
    )


CREDENTIALS: Query[CredentialState] = Query("credentials", 1, _credentials)
"""(namespace, Secret)"""


def _path(consumer: str) -> str:
    return paths.render(("data", consumer))


def _digest(subject: ObjectKey, consumer: str, secret: Secret) -> tuple[bytes | None, list[Problem]]:
    """Give the SHA-256 of a consumer's key, or None where the entry can be no key; and what to say about it."""
    value, path = secret.data[consumer].reveal(), _path(consumer)
    problems = []
    if value.endswith(b"\n"):
        value = value.removesuffix(b"\n").removesuffix(b"\r")
        said = f"the newline at the end of {consumer} is not taken as part of the key"
        problems.append(codes.warning(codes.KEY_TRIMMED, subject, path, said, "write the value without one"))
    refusal = ""
    if not value:
        refusal = f"{consumer} is empty: it lets nobody in"
    elif value.startswith(_DIGEST):
        if _HEX.fullmatch(value, len(_DIGEST)):
            return unhexlify(value[len(_DIGEST) :]), problems
        refusal = f'{consumer} begins with "sha256:", but 64 hexadecimal digits must follow: it lets nobody in'
    elif not _SENDABLE.fullmatch(value):
        refusal = f"{consumer} has bytes that no header can carry (outer spaces, control characters): it lets nobody in"
    if refusal:
        problems.append(codes.error(codes.KEY_REFUSED, subject, path, refusal))
        return None, problems
    return sha256(value).digest(), problems
