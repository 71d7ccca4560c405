"""The controller's own certificate authority: what there is, and what is due next. Values in, values out.

    ca        signs the server's certificate
    next      will sign it; trusted already, so that every data plane knows it before it is used
    retired   does not sign any more; trusted until they end, so that nobody is cut who has an older bundle

Rules: a certificate is replaced when a third of its life is left. A new authority signs after `SPREAD`, in which its
certificate reaches the files of all data planes. Names of the server may change at any time. What cannot be read is
made anew, and that is the one case in which data planes have to wait for a new bundle.

Why EC keys on P-256: small, fast, and in every TLS library. Must not: read a clock, or keep anything anywhere; and no
key is ever part of a representation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_LIFE = timedelta(days=365)
SERVER_LIFE = timedelta(days=60)
SPREAD = timedelta(days=1)
"""How long a new authority is only trusted."""

_SLACK = timedelta(minutes=5)  # clocks differ
_LEFT = 3  # the last third


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate with its key, both PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Authority:
    """All that is kept. server: what the controller shows, signed by `ca`."""

    ca: Pair
    server: Pair
    next: Pair | None = None
    retired: tuple[bytes, ...] = ()

    @property
    def bundle(self) -> bytes:
        """Everything that data planes are to trust, PEM."""
        upcoming = (self.next.certificate,) if self.next is not None else ()
        return b"".join((self.ca.certificate, *upcoming, *self.retired))

    def to_data(self) -> dict[str, bytes]:
        """Give it as the data of a Secret."""
        data = {
            "ca.crt": self.ca.certificate,
            "ca.key": self.ca.key,
            "tls.crt": self.server.certificate,
            "tls.key": self.server.key,
            "retired.crt": b"".join(self.retired),
        }
        if self.next is not None:
            data |= {"next.crt": self.next.certificate, "next.key": self.next.key}
        return data

    @classmethod
    def of_data(cls, data: Mapping[str, bytes]) -> Authority:
        """Take it from the data of a Secret; ValueError where it is none. A successor that is damaged is left out."""
        try:
            ca, server = _pair(data, "ca"), _pair(data, "tls")
        except KeyError as error:
            raise ValueError(f"there is no {error}") from None
        try:
            upcoming = _pair(data, "next")
        except (KeyError, ValueError):
            upcoming = None
        if upcoming is not None and upcoming.certificate == ca.certificate:
            upcoming = None  # it signs already, and whoever wrote that left it there
        retired = x509.load_pem_x509_certificates(data["retired.crt"]) if data.get("retired.crt") else []
        return cls(ca, server, upcoming, tuple(_pem(certificate) for certificate in retired))


def due(known: Authority | None, names: Iterable[str], now: datetime) -> Authority:
    """Give what there should be now: the same value where nothing is due. names: of the server, DNS or IP.

    now: with its time zone.
    """
    names = tuple(dict.fromkeys(names))
    if known is None or _read(known.ca).not_valid_after_utc <= now:
        ca = _make_ca(now)
        return Authority(ca, _make_server(ca, names, now))
    authority = _successor(_without_ended(known, now), now)
    server = _read(authority.server)
    if _is_old(server, now) or not _fits(server, _read(authority.ca), names):
        authority = replace(authority, server=_make_server(authority.ca, names, now))
    return authority


def _without_ended(authority: Authority, now: datetime) -> Authority:
    kept = tuple(pem for pem in authority.retired if x509.load_pem_x509_certificate(pem).not_valid_after_utc > now)
    return authority if kept == authority.retired else replace(authority, retired=kept)


def _successor(authority: Authority, now: datetime) -> Authority:
    """Make the next authority when it is time, and let it sign when it is known everywhere."""
    if authority.next is None:
        return replace(authority, next=_make_ca(now)) if _is_old(_read(authority.ca), now) else authority
    if now - _read(authority.next).not_valid_before_utc < SPREAD:
        return authority
    return replace(authority, ca=authority.next, next=None, retired=(authority.ca.certificate, *authority.retired))


def _is_old(certificate: x509.Certificate, now: datetime) -> bool:
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return certificate.not_valid_after_utc - now <= life / _LEFT


def _fits(server: x509.Certificate, ca: x509.Certificate, names: tuple[str, ...]) -> bool:
    """Say whether the certificate is signed by the authority and has these names, and others perhaps."""
    try:
        server.verify_directly_issued_by(ca)
        found = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception:  # noqa: BLE001 - InvalidSignature, TypeError, ValueError, ExtensionNotFound: it does not fit
        return False
    return set(_alternatives(names)) <= set(found)


def _make_ca(now: datetime) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"agw controller {now:%Y-%m-%dT%H:%M:%SZ}")])
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        _builder(name, name, key.public_key(), now, CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
    )
    return _signed(builder, key, key)


def _make_server(ca: Pair, names: tuple[str, ...], now: datetime) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = _read(ca)
    life = min(SERVER_LIFE, issuer.not_valid_after_utc - now)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "agw controller")])
    builder = (
        _builder(subject, issuer.subject, key.public_key(), now, life)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(_alternatives(names)), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
                issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
            ),
            critical=False,
        )
    )
    return _signed(builder, key, _key(ca))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SLACK)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _signed(
    builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey
) -> Pair:
    certificate = builder.sign(signer, hashes.SHA256())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Pair(_pem(certificate), pem)


def _alternatives(names: tuple[str, ...]) -> list[x509.GeneralName]:
    return [_alternative(name) for name in names]


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pair(data: Mapping[str, bytes], name: str) -> Pair:
    """Take a pair and see that both can be read and belong together."""
    pair = Pair(data[f"{name}.crt"], data[f"{name}.key"])
    if _read(pair).public_key() != _key(pair).public_key():
        raise ValueError(f"{name}.key is not that of {name}.crt")
    return pair


def _read(pair: Pair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate)


def _key(pair: Pair) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pair.key, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("the key is not an EC key")  # noqa: TRY004 - a value that was read, not an argument
    return key


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
