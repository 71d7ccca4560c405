"""Names of what is made for a Gateway, from the Gateway's name.

Why one place: provisioning makes a ServiceAccount by this name, and publishing lets in only a pod that runs as it. They
must never differ.

Rules: a Gateway's name is a DNS subdomain of up to 253 characters; a Service's is a DNS label of up to 63 that begins
with a letter (RFC 1035 2.3.1), and a label's value has up to 63 characters. What is cut ends in a hash, so that two
long names that begin alike stay apart. Made names always end in one: nobody's own object is met by accident.
"""

from __future__ import annotations

from hashlib import sha256

MAX_LABEL = 63
_HASH = 8


def made(gateway: str) -> str:
    """Name of everything that is made for the Gateway of that name, in its own namespace: a DNS label."""
    stem = gateway.replace(".", "-")
    if not stem[:1].isalpha():
        stem = f"gw-{stem}"
    return f"{stem[: MAX_LABEL - _HASH - 1].rstrip('-')}-{_digest(gateway)}"


def label_value(name: str) -> str:
    """A name as the value of a label: itself, or its beginning and a hash where it is longer than a value may be."""
    if len(name) <= MAX_LABEL:
        return name
    return f"{name[: MAX_LABEL - _HASH - 1].rstrip('-.')}-{_digest(name)}"


def audience(namespace: str) -> str:
    """Audience of the tokens by which data planes prove who they are to the controller of that namespace."""
    return f"agw-controller.{namespace}"


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:_HASH]
