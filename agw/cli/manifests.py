"""The manifests of `agw run --agent URL`: the same kinds, and the same few lines, that a person would write.

They are text first: `--write` saves that text, and the gateway runs from that very text, decoded as any other file.
Rules: nothing here that works only on a laptop but the agent's host, which is one line and says so; no key in clear.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult

from agw.cli.output import Failure

GATEWAY_FILE, KEY_FILE = "gateway.yaml", "api-key.yaml"

_CONSUMER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", re.ASCII)

_BACKEND = """\
# Made by `agw run --agent {url}`.
apiVersion: agentgateway.alibabacloud.com/v1alpha1
kind: Backend
metadata:
  name: agent
spec:
  type: A2A
  a2a:
    targets:
    - name: agent
      static:
        host: {host}  # in a cluster: the name of the agent's Service
        port: {port}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: agent-gateway
spec:
  gatewayClassName: ack-agent-gateway
  listeners:
  - name: http
    port: 80
    protocol: HTTP
    allowedRoutes:
      namespaces:
        from: Same
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: agent
spec:
  parentRefs:
  - name: agent-gateway
  rules:
  - {matches}backendRefs:
    - group: agentgateway.alibabacloud.com
      kind: Backend
      name: agent
"""

_MATCHES = """matches:
    - path:
        type: PathPrefix
        value: {path}
    """

_KEY = """\
# Made by `agw run --agent ... --key {consumer}`. The key itself is not here: this is its SHA-256.
apiVersion: v1
kind: Secret
metadata:
  name: agent-keys
stringData:
  {name}: "sha256:{digest}"
---
apiVersion: agentgateway.alibabacloud.com/v1alpha1
kind: TrafficPolicy
metadata:
  name: agent-keys
spec:
  targetRefs:
  - group: gateway.networking.k8s.io
    kind: HTTPRoute
    name: agent
  traffic:
    authentication:
      apiKeyAuth:
        secretRef:
          name: agent-keys
"""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A file that exists as text. name: the file's name, without a folder."""

    name: str
    text: str


def check_consumer(name: str) -> str:
    """Return the name if it may name a Secret's entry; ValueError otherwise."""
    if not _CONSUMER.fullmatch(name):
        message = "must be letters, digits, '-', '_' and '.', at most 63 of them"
        raise ValueError(message)
    return name


def make(url: SplitResult, prefix: str, consumer: str = "", key: str = "") -> tuple[Manifest, ...]:
    """Return the manifests for an agent. prefix: path that it lives under, "" for the whole host.

    An agent under a path keeps it at the gateway: its card, its URLs and what a client types stay alike, and no
    request needs to be rewritten.
    """
    matches = _MATCHES.format(path=json.dumps(prefix)) if prefix else ""
    host = json.dumps(url.hostname or "")
    text = _BACKEND.format(url=url.geturl(), host=host, port=url.port or 80, matches=matches)
    made = [Manifest(GATEWAY_FILE, text)]
    if consumer:
        digest = hashlib.sha256(key.encode()).hexdigest()
        made.append(Manifest(KEY_FILE, _KEY.format(consumer=consumer, name=json.dumps(consumer), digest=digest)))
    return tuple(made)


def write(manifests: tuple[Manifest, ...], folder: Path) -> list[Path]:
    """Save the manifests; a file of that name with other content is not touched, and nothing is written then.

    Returns the paths of all the files.
    """
    paths = [folder / manifest.name for manifest in manifests]
    try:
        different = [
            path
            for path, manifest in zip(paths, manifests, strict=True)
            if path.exists() and path.read_text(encoding="utf-8") != manifest.text
        ]
        if different:
            names = ", ".join(str(path) for path in different)
            raise Failure(f"{names}: already there, with other content", hint="Choose another folder for --write.")
        folder.mkdir(parents=True, exist_ok=True)
        for path, manifest in zip(paths, manifests, strict=True):
            path.write_text(manifest.text, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"cannot write the manifests to {folder}: {error}") from None
    return paths
