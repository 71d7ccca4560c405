"""No secret is ever shown: one is planted in every place that has any, and all that a run prints or sends is searched.

A canary is one string per place, so that a hit says where it got out. It is looked for as it is, in base64, in hex, and,
where it is a key, as its SHA-256: a digest of a weak key is a key for whoever has an afternoon.
"""

from __future__ import annotations

import base64
import hashlib
import os
import signal
import socket
import subprocess
import threading
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.e2e.gateway import AGW, environment, gateway, wait_until
from tests.e2e.people import get

BASE = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front}
spec: {gatewayClassName: ack-agent-gateway, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: agentgateway.alibabacloud.com/v1alpha1
kind: Backend
metadata: {name: agent}
spec: {type: A2A, a2a: {targets: [{name: agent, static: {host: 127.0.0.1, port: UPSTREAM}}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: open}
spec:
  parentRefs: [{name: front}]
  rules:
  - matches: [{path: {type: PathPrefix, value: /open}}]
    backendRefs: [{group: agentgateway.alibabacloud.com, kind: Backend, name: agent}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: keyed}
spec:
  parentRefs: [{name: front}]
  rules:
  - matches: [{path: {type: PathPrefix, value: /keyed}}]
    backendRefs: [{group: agentgateway.alibabacloud.com, kind: Backend, name: agent}]
---
apiVersion: agentgateway.alibabacloud.com/v1alpha1
kind: TrafficPolicy
metadata: {name: keys}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: keyed}]
  traffic:
    authentication:
      apiKeyAuth:
        secretRef: {name: keys}
"""
SECRET = """\
apiVersion: v1
kind: Secret
metadata: {{name: keys}}
stringData: {{plain: '{plain}', hashed: 'sha256:{hashed}'}}
data: {{encoded: {encoded}}}
"""
LOUD = ("--log-level=debug", "--access-log=stdout", "--access-log-starts=true")


def canary(place: str) -> str:
    """The secret of a place: no other text of a run has it by chance."""
    return f"Canary{hashlib.sha256(place.encode()).hexdigest()[:20]}{place}"


PLAIN, ENCODED, HASHED, ROTATED = (canary(place) for place in ("plain", "encoded", "hashed", "rotated"))
KEYS = (PLAIN, ENCODED, HASHED, ROTATED)
DIGESTS = {key: hashlib.sha256(key.encode()) for key in KEYS}
# What refuses a manifest, with a secret in the very place that is wrong.
REFUSED = {
    "flow": "apiVersion: v1\nkind: Secret\nmetadata: {{name: keys}}\nstringData: {{a: '{secret}\n",
    "tab": "apiVersion: v1\nkind: Secret\nmetadata: {{name: keys}}\nstringData:\n\ta: {secret}\n",
    "list": "apiVersion: v1\nkind: Secret\nmetadata: {{name: keys}}\nstringData: {{a: [{secret}]}}\n",
    "text": "apiVersion: v1\nkind: Secret\nmetadata: {{name: keys}}\nstringData: {secret}\n",
    "base64": "apiVersion: v1\nkind: Secret\nmetadata: {{name: keys}}\ndata: {{a: '{secret}*'}}\n",
    "digest": "apiVersion: v1\nkind: Secret\nmetadata: {{name: keys}}\nstringData: {{a: 'sha256:{secret}'}}\n",
    "twice": "apiVersion: v1\nkind: Secret\nmetadata: {{name: keys}}\nstringData: {{a: {secret}, a: {secret}}}\n",
    "same": "apiVersion: v1\nkind: Secret\nmetadata: {{name: keys}}\nstringData: {{a: {secret}, b: {secret}}}\n",
    "unknown": "apiVersion: v1\nkind: Secret\nmetadata: {{name: keys}}\nstringDatum: {{a: {secret}}}\n",
    "alias": "apiVersion: v1\nkind: Secret\nmetadata: {{name: keys}}\nstringData: {{a: *{secret}}}\n",
    "spaces": "apiVersion: v1\nkind: Secret\nmetadata: {{name: keys}}\nstringData: {{a: '{secret} {secret}'}}\n",
}


def forms(secret: str) -> dict[str, bytes]:
    """How a secret may look in what is printed."""
    raw = secret.encode()
    found = {"as it is": raw, "base64": base64.b64encode(raw)[:40], "hex": raw.hex().encode()[:40]}
    if secret in DIGESTS:
        digest = DIGESTS[secret]
        found |= {
            "SHA-256": digest.hexdigest().encode()[:16],
            "SHA-256, base64": base64.b64encode(digest.digest())[:16],
            "SHA-256, raw": digest.digest(),
        }
    return found


@contextmanager
def agent_that_writes_down():
    """An upstream that answers with a cookie of its own and keeps all that it was sent."""
    answer = (
        f"HTTP/1.1 200 OK\r\nSet-Cookie: s={canary('answer-cookie')}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
    heard: list[bytes] = []

    def serve(connection):
        with connection, suppress(OSError):
            connection.settimeout(0.3)
            data = b""
            with suppress(TimeoutError):
                while more := connection.recv(65536):
                    data += more
                    if data.startswith(b"GET") and data.endswith(b"\r\n\r\n"):
                        break
                    if b"Content-Length: 99\r\n" in data:
                        return  # closes in the middle of an upload
            heard.append(data)
            connection.sendall(answer.encode())

    def accept(listening):
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=listening.accept()[:1], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=accept, args=(listening,), daemon=True).start()
        yield listening.getsockname()[1], heard


class Run:
    """A gateway whose clients keep what they are told."""

    def __init__(self, front, folder):
        self.front, self.folder = front, folder
        self.sent_back: list[bytes] = []

    def say(self, message: str, *, status: bytes) -> None:
        """Send bytes on a connection of their own; keep all that comes back, which begins with this status."""
        raw = message.encode()
        with socket.create_connection(("127.0.0.1", self.front.port), 30) as connection:
            connection.sendall(raw)
            answer = b""
            with suppress(ConnectionError):
                while more := connection.recv(65536):
                    answer += more
        self.sent_back.append(answer)
        assert answer[9:12] == status, (raw[:80], answer[:80])

    def get(self, target: str, fields: str = "", *, status: bytes = b"200", method: str = "GET") -> None:
        """A whole request that asks for the connection's end."""
        self.say(f"{method} {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n", status=status)

    def ask_admin(self, path: str, fields: dict[str, str] | None = None, method: str = "GET") -> bytes:
        """A page of the admin port."""
        body = get(self.front.admin, path, fields, method)[1]
        self.sent_back.append(body)
        return body

    def put(self, name: str, text: str) -> None:
        """Write a manifest in one step."""
        fresh = self.folder.with_name("fresh")
        fresh.write_text(text)
        fresh.replace(self.folder / name)


def good_requests(run: Run) -> None:
    for key in (PLAIN, ENCODED, HASHED):
        run.get("/keyed", f"Authorization: Bearer {key}\r\n")
        run.get("/keyed", f"X-API-Key: {key}\r\n")
        run.get(f"/keyed?a=b&api_key={canary('query')}", f"X-API-Key: {key}\r\nCookie: key={canary('cookie')}\r\n")
    run.get(f"/open/x?token={canary('query')}", f"Authorization: Basic {canary('basic')}\r\n")
    run.get("/open", f"Cookie: session={canary('cookie')}\r\nX-Custom: {canary('custom')}\r\n")
    body = canary("body")
    run.say(
        f"POST /open HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}",
        status=b"200",
    )


def bad_requests(run: Run) -> None:
    wrong = canary("wrong")
    run.get("/keyed", status=b"401")
    run.get("/keyed", f"Authorization: Bearer {wrong}\r\n", status=b"401")
    run.get("/keyed", f"Authorization: Basic {wrong}\r\n", status=b"401")
    run.get("/keyed", f"X-API-Key: {PLAIN}\r\nX-API-Key: {PLAIN}\r\n", status=b"401")
    run.get("/keyed", f"X-API-Key: {PLAIN}\r\nAuthorization: Bearer {wrong}\r\n", status=b"401")
    run.get(f"/keyed?api_key={wrong}", status=b"401")
    run.get(f"/nowhere?token={canary('query')}", f"Authorization: Bearer {PLAIN}\r\n", status=b"404")
    secret = canary("malformed")
    for request in (
        f"GET /open?{secret} HTTP/9.9\r\nHost: a\r\n\r\n",
        f"GET /open?{secret}\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
        f"GET /open HTTP/1.1\r\nHost: a\r\nAuthorization : {secret}\r\n\r\n",
        f"GET /open HTTP/1.1\r\nHost: a\r\nX-API-Key: {secret}\x00\r\n\r\n",
        f"GET /open HTTP/1.1\r\nHost: {secret}:{secret}@b\r\n\r\n",
        f"GET /open HTTP/1.1\r\nHost: a\r\nX: {secret * 600}\r\n\r\n",
        f"GET /open HTTP/1.1\r\nHost: a\r\nExpect: {secret}\r\n\r\n",
        f"POST /open HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {secret}\r\n\r\n",
        f"POST /open HTTP/1.1\r\nHost: a\r\nContent-Length: {secret}\r\n\r\n",
        f"POST /open HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;x={secret}\nA\r\n0\r\n\r\n",
        f"{secret}\r\n\r\n",
    ):
        with suppress(AssertionError):
            run.say(request, status=b"400")
        assert run.sent_back[-1][9:10] in (b"4", b"5"), request[:60]
    run.say(
        f"POST /open HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 99\r\n\r\n{canary('body')}",
        status=b"502",
    )


def admin_pages(run: Run) -> None:
    secret = canary("admin")
    for path in ("/metrics", "/config", "/readyz?verbose", "/livez", f"/nowhere?{secret}", f"/config?{secret}"):
        run.ask_admin(path, {"Authorization": f"Bearer {secret}", "Cookie": secret})
    run.ask_admin("/drain", {"X-Agw-Admin": secret}, "POST")
    run.ask_admin("/config", {"Origin": f"http://{secret}"})


def refused_manifests(run: Run) -> None:
    for name, text in REFUSED.items():
        run.put("extra.yaml", text.format(secret=canary(f"refused-{name}")))
        run.front.process.send_signal(signal.SIGHUP)
        told = f"{name} is noticed"
        wait_until(lambda: b"extra.yaml" in run.ask_admin("/readyz?verbose"), told)
        run.ask_admin("/config")
        (run.folder / "extra.yaml").unlink()
        wait_until(lambda: b"extra.yaml" not in run.ask_admin("/readyz?verbose"), f"{name} is forgotten")


def workers_of(run: Run) -> list[int]:
    """The workers, as readiness tells them."""
    words = run.ask_admin("/readyz?verbose").decode().replace(",", "").split()
    return [int(pid) for word, pid in pairwise(words) if word == "pid" and pid != "-"]


def crash(run: Run) -> None:
    """A worker is asked where it is, then dies as a fault in native code would make it, a request under way."""
    with socket.create_connection(("127.0.0.1", run.front.port), 30) as half:
        half.sendall(
            f"POST /keyed HTTP/1.1\r\nHost: a\r\nX-API-Key: {PLAIN}\r\nContent-Length: 9\r\n\r\n{PLAIN[:8]}".encode()
        )
        (worker,) = workers_of(run)
        limits = Path(f"/proc/{worker}/limits").read_text()
        assert "Max core file size        0" in limits
        os.kill(worker, signal.SIGUSR1)
        wait_until(lambda: "worker.py" in run.front.log.read_text(), "the worker says where it is")
        os.kill(worker, signal.SIGSEGV)
        wait_until(lambda: workers_of(run) not in ([worker], []), "a new worker serves")
    run.get("/keyed", f"X-API-Key: {PLAIN}\r\n")


def rotation(run: Run) -> None:
    """A key goes, another comes."""
    run.put("keys.yaml", secret_of(plain=ROTATED))

    def changed() -> bool:
        with suppress(AssertionError):
            run.get("/keyed", f"X-API-Key: {ROTATED}\r\n")
            return True
        return False

    wait_until(changed, "the new key is in force")
    run.get("/keyed", f"X-API-Key: {PLAIN}\r\n", status=b"401")


def secret_of(plain: str = PLAIN) -> str:
    encoded = base64.b64encode(ENCODED.encode()).decode()
    return SECRET.format(plain=plain, hashed=DIGESTS[HASHED].hexdigest(), encoded=encoded)


def commands(folder: Path) -> bytes:
    """What the other commands print about the same files."""
    (folder / "extra.yaml").write_text(REFUSED["digest"].format(secret=canary("refused-digest")))
    header = f"X-API-Key: {PLAIN}"
    asked = [
        *(["check", "-f", str(folder), "-o", form] for form in ("text", "json", "yaml")),
        *(["explain", "-f", str(folder), "GET", f"http://a/keyed?t={canary('query')}", "-H", header, "-o", form]
          for form in ("text", "json")),
    ]  # fmt: skip
    done = [subprocess.run([*AGW, *argv], capture_output=True, env=environment(), check=False) for argv in asked]
    assert all(one.returncode in (0, 1) for one in done), done
    return b"".join(one.stdout + one.stderr for one in done)


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """All that a whole run has printed and sent, by where it was seen."""
    home = tmp_path_factory.mktemp("canaries")
    folder = home / "manifests"
    folder.mkdir()
    with agent_that_writes_down() as (upstream, heard):
        (folder / "base.yaml").write_text(BASE.replace("UPSTREAM", str(upstream)))
        (folder / "keys.yaml").write_text(secret_of())
        with gateway(home, "-f", str(folder), *LOUD) as front:
            run = Run(front, folder)
            good_requests(run)
            bad_requests(run)
            admin_pages(run)
            refused_manifests(run)
            crash(run)
            rotation(run)
            admin_pages(run)
        return SimpleNamespace(
            log=front.log.read_bytes(),
            printed=front.printed.read_bytes(),
            sent_back=b"\n".join(run.sent_back),
            commands=commands(folder),
            agent=b"\n".join(heard),
        )


def planted() -> list[str]:
    """Every canary of the run."""
    places = ["query", "basic", "cookie", "custom", "body", "wrong", "malformed", "admin"]
    return [*KEYS, *map(canary, places), *(canary(f"refused-{name}") for name in REFUSED)]


@pytest.mark.parametrize("where", ["log", "printed", "sent_back", "commands"])
def test_no_secret_is_shown(told, where):
    text = getattr(told, where)
    hits = [(secret[26:], form) for secret in planted() for form, shown in forms(secret).items() if shown in text]
    assert hits == [], text[max(text.find(forms(hits[0][0])["as it is"]) - 200, 0) :][:600]


def test_the_answer_of_an_agent_goes_to_its_client_only(told):
    secret = canary("answer-cookie").encode()
    assert secret in told.sent_back
    assert secret not in told.log + told.printed


def test_the_credential_that_let_somebody_in_stops_at_the_gateway(told):
    assert [secret for secret in KEYS if secret.encode() in told.agent] == []


def test_what_is_not_the_gateways_passes_untouched(told):
    for place in ("query", "basic", "cookie", "custom", "body"):
        assert canary(place).encode() in told.agent, place


def test_the_run_has_printed_what_it_should(told):
    """A search finds nothing where nothing was written."""
    assert told.log.count(b"extra.yaml") >= len(REFUSED)
    assert b"SIGSEGV" in told.log
    assert told.printed.count(b'"status"') > 20
    assert b"redacted" in told.sent_back
