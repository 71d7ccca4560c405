"""Certificates that a listener names: whether there is one that could be served.

Rules (Gateway API, ListenerConditionResolvedRefs): a reference to another group or kind, to a Secret that does not
exist, or to one without a PEM certificate and key is InvalidCertificateRef; one into another namespace without a
ReferenceGrant is RefNotPermitted, and the grant is asked for before the Secret is looked for.

Must not: keep a key, or put a part of one into a message. Whether a key fits its certificate is the server's to find.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64

from agw.resources import gateway as api
from agw.resources.core import Secret
from agw.translate.grants import Referrer, permits
from agw.translate.graph import Ask
from agw.translate.inputs import GRANTS, SECRET_OBJECT

INVALID, NOT_PERMITTED = "InvalidCertificateRef", "RefNotPermitted"
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s]+)-----END \1-----")
_SEQUENCE = b"\x30"  # X.690 8.9: every certificate and every key is a SEQUENCE


def unresolved(ask: Ask, namespace: str, tls: api.ListenerTLS | None) -> tuple[str, str]:
    """(reason, message) of the first certificate of a listener that cannot be used; ("", "") where all can."""
    if tls is None or tls.mode != "Terminate":
        return "", ""
    if not tls.certificate_refs and not tls.options:
        return INVALID, "certificateRefs names no certificate"
    for ref in tls.certificate_refs:
        reason, said = _reference(ask, namespace, ref)
        if reason:
            return reason, said
    return "", ""


def _reference(ask: Ask, namespace: str, ref: api.SecretObjectReference) -> tuple[str, str]:
    if (ref.group, ref.kind) != ("", "Secret"):
        return INVALID, f"{ref.kind} of group {ref.group or 'core'} holds no certificate: Secret does"
    of = namespace if ref.namespace is None else ref.namespace
    if of != namespace and not _permitted(ask, namespace, of, ref.name):
        return NOT_PERMITTED, f"no ReferenceGrant in namespace {of} lets Gateways of {namespace} use Secret {ref.name}"
    secret = ask(SECRET_OBJECT, of, ref.name)
    if secret is None:
        return INVALID, f"there is no Secret {of}/{ref.name}"
    wrong = [key for key, what in (("tls.crt", b"CERTIFICATE"), ("tls.key", b"KEY")) if not _pem(secret, key, what)]
    return (INVALID, f"Secret {of}/{ref.name}: {' and '.join(wrong)} not in PEM") if wrong else ("", "")


def _permitted(ask: Ask, namespace: str, of: str, name: str) -> bool:
    return permits(ask(GRANTS, of), Referrer(api.GROUP, "Gateway", namespace), "", "Secret", name)


def _pem(secret: Secret, key: str, what: bytes) -> bool:
    """Whether the entry holds a PEM block whose label ends in what is looked for, and whose bytes are DER."""
    value = secret.data.get(key)
    for label, body in _PEM.findall(value.reveal()) if value is not None else ():
        try:
            if label.endswith(what) and a2b_base64(body)[:1] == _SEQUENCE:
                return True
        except Error:
            continue
    return False
