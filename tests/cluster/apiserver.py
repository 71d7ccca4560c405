"""etcd and kube-apiserver on loopback, in the manner of envtest: new and empty, with certificates of their own.

The programs are found in the folder that KUBEBUILDER_ASSETS names. There is no kube-controller-manager, so nothing
acts on an object: no garbage collection, no ServiceAccount of a namespace, no namespace ever ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.cluster.certificates import NAMES, Authority, write_kubeconfig
from tests.ports import free_port

START_SECONDS = 120  # a busy machine; a quiet one needs 7
_PR_SET_PDEATHSIG = 1


def assets() -> Path | None:
    """The folder of the programs, None where they are not."""
    folder = Path(os.environ.get("KUBEBUILDER_ASSETS", "/usr/local/kubebuilder/bin")).expanduser()
    there = all((folder / name).exists() for name in ("etcd", "kube-apiserver")) and shutil.which("openssl")
    return folder if there else None


class ApiServer:
    """An API server with its etcd. url, kubeconfig (an administrator's); the rest is for tests that break things."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self.programs = programs
        self.authority = Authority(folder / "pki")
        self.authority.sign("apiserver", "/CN=kube-apiserver", NAMES)
        self.authority.sign("admin", "/O=system:masters/CN=admin")
        self.authority.key_pair("service-account")
        self.etcd_port, self._peer_port, self.port = free_port(), free_port(), free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.kubeconfig = self.kubeconfig_for("admin")
        self._etcd: subprocess.Popen[bytes] | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def kubeconfig_for(self, certificate: str, *, server: str = "") -> Path:
        """A kubeconfig with a certificate that the authority has signed. server: another address, a proxy's for one."""
        user = {
            "client-certificate-data": self.authority.data(f"{certificate}.crt"),
            "client-key-data": self.authority.data(f"{certificate}.key"),
        }
        name = f"{certificate}-{server.rpartition(':')[2]}.kubeconfig" if server else f"{certificate}.kubeconfig"
        return write_kubeconfig(self.folder / name, server or self.url, self.authority.data("ca.crt"), user)

    def start(self) -> None:
        """Start both; return when the server says that it is ready."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start what does not run. From the main thread: the kernel ends both when the thread that started them ends."""
        assert threading.current_thread() is threading.main_thread()
        if self._etcd is None:
            self._etcd = self._launch("etcd", self._etcd_arguments())
        if self._server is None:
            self._server = self._launch("kube-apiserver", self._server_arguments())

    def wait(self) -> None:
        """Return when the server says that it is ready; from any thread."""
        deadline = time.monotonic() + START_SECONDS
        while not self.ready():
            if self._server is None or self._server.poll() is not None or time.monotonic() > deadline:
                log = (self.folder / "kube-apiserver.log").read_text(errors="replace")
                self.close()
                raise RuntimeError(f"the API server did not start:\n{log[-4000:]}")
            time.sleep(0.05)

    def ready(self) -> bool:
        """Ask /readyz."""
        context = ssl.create_default_context(cafile=self.authority.path("ca.crt"))
        context.load_cert_chain(self.authority.path("admin.crt"), self.authority.path("admin.key"))
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        try:
            with opener.open(f"{self.url}/readyz", timeout=5) as response:
                return response.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def stop(self, *, how: int = signal.SIGKILL) -> None:
        """End the API server and keep etcd: what was written is there after the next `start`."""
        if self._server is not None:
            _end(self._server, how)
            self._server = None

    def compact(self) -> None:
        """Forget every resourceVersion but the newest, in etcd. The server's own watch cache forgets when restarted."""
        revision = self._etcd_call("range", {"key": "AA=="})["header"]["revision"]
        self._etcd_call("compaction", {"revision": revision, "physical": True})

    def _etcd_call(self, what: str, body: dict[str, object]) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.etcd_port}/v3/kv/{what}"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, data=json.dumps(body).encode(), timeout=30) as response:
            return json.load(response)

    def close(self) -> None:
        """End both."""
        self.stop()
        if self._etcd is not None:
            _end(self._etcd, signal.SIGKILL)
            self._etcd = None

    def _launch(self, name: str, arguments: list[str]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            command = [str(self.programs / name), *arguments]
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=_die_with_parent  # noqa: PLW1509
            )  # fmt: skip

    def _etcd_arguments(self) -> list[str]:
        client, peer = f"http://127.0.0.1:{self.etcd_port}", f"http://127.0.0.1:{self._peer_port}"
        return [
            f"--data-dir={self.folder / 'etcd'}",
            "--unsafe-no-fsync",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--log-level=warn",
        ]

    def _server_arguments(self) -> list[str]:
        pki = self.authority.path
        return [
            f"--etcd-servers=http://127.0.0.1:{self.etcd_port}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.port}",
            "--advertise-address=127.0.0.1",
            "--service-cluster-ip-range=10.96.0.0/16,fd00:96::/112",
            "--authorization-mode=RBAC",
            # Without its controller no namespace has the ServiceAccount that this plugin asks pods to have.
            "--disable-admission-plugins=ServiceAccount",
            f"--client-ca-file={pki('ca.crt')}",
            f"--tls-cert-file={pki('apiserver.crt')}",
            f"--tls-private-key-file={pki('apiserver.key')}",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={pki('service-account.pub')}",
            f"--service-account-signing-key-file={pki('service-account.key')}",
        ]


@contextlib.contextmanager
def running(folder: Path, programs: Path) -> Iterator[ApiServer]:
    """A started server, ended at the end whatever happens."""
    server = ApiServer(folder, programs)
    try:
        server.start()
        yield server
    finally:
        server.close()


def _die_with_parent() -> None:
    """A test run that is killed leaves no server behind."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _end(process: subprocess.Popen[bytes], how: int) -> None:
    if process.poll() is None:
        process.send_signal(how)
        process.wait()
