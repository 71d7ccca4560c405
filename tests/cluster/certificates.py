"""The certificates of a test API server, from an authority of its own. Elliptic curves: they take no time to make."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

NAMES = "DNS:localhost,DNS:kubernetes,DNS:kubernetes.default.svc,IP:127.0.0.1"


class Authority:
    """An authority in a folder: ca.crt and ca.key, and what it has signed beside them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._key("ca")
        usage = "keyUsage=critical,keyCertSign,cRLSign,digitalSignature"
        _openssl("req", "-x509", "-new", "-key", self.path("ca.key"), "-sha256", "-days", "30", "-subj", "/CN=agw-test-ca",
                 "-out", self.path("ca.crt"), "-addext", usage)  # fmt: skip

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def _key(self, name: str) -> None:
        _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.path(f"{name}.key"))

    def key_pair(self, name: str) -> None:
        """NAME.key and NAME.pub, for signing service account tokens."""
        self._key(name)
        _openssl("ec", "-in", self.path(f"{name}.key"), "-pubout", "-out", self.path(f"{name}.pub"))

    def sign(self, name: str, subject: str, alternative_names: str = "") -> None:
        """NAME.key and NAME.crt for a server and a client both."""
        self._key(name)
        extensions = ["keyUsage=critical,digitalSignature", "extendedKeyUsage=clientAuth,serverAuth"]
        extensions += [f"subjectAltName={alternative_names}"] if alternative_names else []
        (self.folder / f"{name}.ext").write_text("\n".join(extensions) + "\n")
        _openssl("req", "-new", "-key", self.path(f"{name}.key"), "-subj", subject, "-out", self.path(f"{name}.csr"))
        _openssl("x509", "-req", "-sha256", "-days", "30", "-in", self.path(f"{name}.csr"), "-CA", self.path("ca.crt"),
                 "-CAkey", self.path("ca.key"), "-CAcreateserial", "-out", self.path(f"{name}.crt"),
                 "-extfile", self.path(f"{name}.ext"))  # fmt: skip

    def data(self, name: str) -> str:
        """The file as kubeconfigs embed it."""
        return base64.b64encode((self.folder / name).read_bytes()).decode()


def write_kubeconfig(path: Path, server: str, authority_data: str, user: dict[str, object]) -> Path:
    """A kubeconfig with one cluster, one user and one context. JSON is YAML."""
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "test",
                "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
                "clusters": [
                    {"name": "test", "cluster": {"server": server, "certificate-authority-data": authority_data}}
                ],
                "users": [{"name": "test", "user": user}],
            }
        )
    )
    path.chmod(0o600)
    return path


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
