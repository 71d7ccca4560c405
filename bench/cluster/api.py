"""A small client of the API server: a kubeconfig, one connection, JSON.

Not agw's own: a witness must not share the defects of who is accused.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import ssl
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import yaml

from bench import RigError

Object = dict[str, Any]
GROUPS = {
    "httproutes": "apis/gateway.networking.k8s.io/v1",
    "gateways": "apis/gateway.networking.k8s.io/v1",
    "backends": "apis/agentgateway.alibabacloud.com/v1alpha1",
    "trafficpolicies": "apis/agentgateway.alibabacloud.com/v1alpha1",
    "referencegrants": "apis/gateway.networking.k8s.io/v1beta1",
    "deployments": "apis/apps/v1",
}


class ApiError(RigError):
    """An answer of the API server that is no success. status: its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        """Keep the status."""
        super().__init__(f"{status}: {message}")
        self.status = status


class Api:
    """One connection to the cluster of KUBECONFIG."""

    def __init__(self) -> None:
        """Read the kubeconfig; connect when first asked."""
        path = os.environ.get("KUBECONFIG", "")
        if not path:
            message = "no cluster: KUBECONFIG is not set; `make probes` sets it"
            raise RigError(message)
        config = yaml.safe_load(Path(path).read_text())
        context = _named(config["contexts"], config["current-context"])["context"]
        cluster = _named(config["clusters"], context["cluster"])["cluster"]
        self._user = _named(config["users"], context["user"])["user"]
        self._server = urlsplit(cluster["server"])
        self._tls = ssl.create_default_context(cadata=_data(cluster, "certificate-authority").decode())
        if "client-certificate-data" in self._user or "client-certificate" in self._user:
            with tempfile.NamedTemporaryFile() as pair:
                pair.write(_data(self._user, "client-certificate") + b"\n" + _data(self._user, "client-key"))
                pair.flush()
                self._tls.load_cert_chain(pair.name)
        self._connection: http.client.HTTPSConnection | None = None

    def get(self, resource: str, namespace: str, name: str = "", query: str = "") -> Object:
        """One object, or a list."""
        return self.ask("GET", _path(resource, namespace, name) + (f"?{query}" if query else ""))

    def create(self, resource: str, namespace: str, body: Object) -> Object:
        """Create an object."""
        return self.ask("POST", _path(resource, namespace), body)

    def patch(self, resource: str, namespace: str, name: str, body: Object) -> Object:
        """Merge-patch an object."""
        return self.ask("PATCH", _path(resource, namespace, name), body)

    def delete(self, resource: str, namespace: str, name: str, query: str = "") -> Object:
        """Delete an object."""
        return self.ask("DELETE", _path(resource, namespace, name) + (f"?{query}" if query else ""))

    def ask(self, method: str, path: str, body: Object | None = None) -> Object:
        """Send a request; the answer as JSON. ApiError where it is no success."""
        return dict(json.loads(self.text(method, path, body)))

    def text(self, method: str, path: str, body: Object | None = None) -> str:
        """Send a request; the answer's body."""
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        fields = {"Content-Type": kind, "Accept": "application/json, */*"}
        if "token" in self._user:
            fields["Authorization"] = f"Bearer {self._user['token']}"
        if self._connection is None:
            host, port = self._server.hostname or "", self._server.port or 443
            self._connection = http.client.HTTPSConnection(host, port, context=self._tls, timeout=60)
        try:
            self._connection.request(method, path, json.dumps(body) if body is not None else None, fields)
            answer = self._connection.getresponse()
            text = answer.read().decode()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self._connection = None
            raise
        if answer.status >= 300:
            raise ApiError(answer.status, text[:300])
        return text


def _named(entries: list[Object], name: str) -> Object:
    return next(entry for entry in entries if entry["name"] == name)


def _data(holder: Object, name: str) -> bytes:
    """What a kubeconfig holds inline or names a file of."""
    inline = holder.get(f"{name}-data")
    return base64.b64decode(inline) if inline else Path(holder[name]).read_bytes()


def _path(resource: str, namespace: str, name: str = "") -> str:
    base = f"/{GROUPS.get(resource, 'api/v1')}"
    inside = f"{base}/namespaces/{quote(namespace)}/{resource}" if namespace else f"{base}/{resource}"
    return f"{inside}/{quote(name)}" if name else inside
