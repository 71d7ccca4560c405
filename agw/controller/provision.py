"""The objects of a data plane: what a Gateway's infrastructure asks for, as manifests. Values in, values out.

Rules: everything is in the Gateway's own namespace, by one name, owned by the Gateway, so that it goes when the Gateway
goes. The pod template holds no listener and no port: pods bind the ports that their snapshot tells (an unprivileged
user may, by a safe sysctl), so a changed listener restarts nobody, and a Service's port is its target's. Nothing that a
user may scale or annotate by hand is set where it is not asked for, so that server-side apply leaves it alone: the
number of replicas stands in the manifest only where a parameter says it. Else there is one to begin with, and then it
is whose who scales, a person or an autoscaler.

A rollout loses no request: a new pod is ready only with its configuration in force, no old one goes before (maxSurge),
and one that goes takes connections for `_GRACE` more, which is what load balancers need to notice, then drains.

Must not: send anything, or know what the objects' states are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from agw.controller import names
from agw.controller.ownership import LABEL
from agw.kube import Resource
from agw.resources import gateway as api
from agw.settings import TABLE
from agw.translate.infrastructure import RESERVED_PORT, Infrastructure
from agw.translate.parameters import Parameters

Json: TypeAlias = dict[str, Any]

DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
SERVICES = Resource("", "v1", "services", "Service")
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
BUDGETS = Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
AUTOSCALERS = Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
KINDS = (DEPLOYMENTS, SERVICES, SERVICE_ACCOUNTS, CONFIG_MAPS, BUDGETS, AUTOSCALERS)

MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGER = "ack-agent-gateway"
GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
GATEWAY_CLASS = "gateway.networking.k8s.io/gateway-class-name"
FREE = {"agentgateway.alibabacloud.com/replicas": "free"}
"""Annotation of a Deployment whose number of replicas was set to begin with, and is left alone since."""
SELECTOR = f"{MANAGED_BY}={MANAGER}"
"""Label selector of everything that is made here."""

_USER = 10101  # as in the image
_GRACE = 10  # seconds that a pod goes on taking connections after it was told to end
_MARGIN = 10  # seconds for what comes after a drain
_TOKEN_SECONDS = 3600
_CA = "ca.crt"


@dataclass(frozen=True, slots=True)
class Installation:
    """What all data planes of this controller have in common. replicas: to begin with, where no parameter says how many.

    namespace: the controller's own. controller: HOST:PORT where it publishes. trust: certificates to trust it by, PEM.
    """

    namespace: str
    controller: str
    image: str
    trust: str = ""
    image_pull_policy: str = "IfNotPresent"
    replicas: int = 2


def manifests(wanted: Infrastructure, installation: Installation) -> tuple[tuple[Resource, Json], ...]:
    """Return the objects of a Gateway's data plane, those first that others need."""
    name = names.made(wanted.name)
    metadata = _metadata(wanted, installation, name)
    made: list[tuple[Resource, Json]] = [
        (SERVICE_ACCOUNTS, {"metadata": metadata, "automountServiceAccountToken": False}),
        (CONFIG_MAPS, {"metadata": metadata, "data": {_CA: installation.trust}}),
        (DEPLOYMENTS, {"metadata": metadata, "spec": _deployment(wanted, installation, name)}),
        (SERVICES, _service(wanted, metadata)),
        # maxUnavailable, not minAvailable: of a single pod, the latter would keep its node from being drained for ever.
        (
            BUDGETS,
            {"metadata": metadata, "spec": {"maxUnavailable": 1, "selector": {"matchLabels": _selector(wanted)}}},
        ),
    ]
    if wanted.parameters.hpa is not None:
        made.append((AUTOSCALERS, {"metadata": metadata, "spec": _autoscaler(wanted.parameters, name)}))
    return tuple(made)


def unwanted(wanted: Infrastructure) -> tuple[Resource, ...]:
    """Return the kinds that are made for some data planes and not for this one."""
    return () if wanted.parameters.hpa is not None else (AUTOSCALERS,)


def first_replicas(wanted: Infrastructure, installation: Installation) -> int:
    """Return how many pods a data plane that nobody has scaled begins with."""
    hpa = wanted.parameters.hpa
    return hpa.min_replicas if hpa is not None else installation.replicas


def _selector(wanted: Infrastructure) -> Mapping[str, str]:
    """Labels that find the pods; they never change, since a Deployment's selector cannot."""
    return {GATEWAY_NAME: names.label_value(wanted.name), MANAGED_BY: MANAGER}


def _metadata(wanted: Infrastructure, installation: Installation, name: str) -> Json:
    owner = {
        "apiVersion": f"{api.GROUP}/v1",
        "kind": "Gateway",
        "name": wanted.name,
        "uid": wanted.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    metadata: Json = {
        "name": name,
        "namespace": wanted.namespace,
        "labels": {**_labels(wanted), LABEL: installation.namespace},
        "ownerReferences": [owner],
    }
    # An empty map would be ours as a whole, and whoever annotates by server-side apply would meet a conflict.
    return {**metadata, "annotations": dict(wanted.annotations)} if wanted.annotations else metadata


def _labels(wanted: Infrastructure) -> Json:
    return {
        **wanted.labels,
        "app.kubernetes.io/name": "agw-proxy",
        "app.kubernetes.io/component": "data-plane",
        **_selector(wanted),
    }


def _deployment(wanted: Infrastructure, installation: Installation, name: str) -> Json:
    parameters = wanted.parameters
    spec: Json = {
        "selector": {"matchLabels": _selector(wanted)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "minReadySeconds": 2,  # an endpoint that comes and goes at once is the worst of both
        "template": {
            "metadata": {"labels": _labels(wanted), "annotations": dict(wanted.annotations)},
            "spec": _pod(wanted, installation, name),
        },
    }
    # With an autoscaler the number is its own: setting it would scale back at every write.
    held = parameters.replicas is not None and parameters.hpa is None
    return {"replicas": parameters.replicas, **spec} if held else spec


def _pod(wanted: Infrastructure, installation: Installation, name: str) -> Json:
    parameters = wanted.parameters
    pod: Json = {
        "serviceAccountName": name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": max(_GRACE, _drain_seconds(parameters)) + _MARGIN,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
            "sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}],
        },
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": key,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": _selector(wanted)},
            }
            for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
        ],
        "containers": [_container(wanted, installation)],
        "volumes": _volumes(installation, name),
    }
    if parameters.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": secret.name} for secret in parameters.image_pull_secrets]
    if parameters.node_selector:
        pod["nodeSelector"] = dict(parameters.node_selector)
    if parameters.priority_class_name is not None:
        pod["priorityClassName"] = parameters.priority_class_name
    return pod


def _container(wanted: Infrastructure, installation: Installation) -> Json:
    parameters = wanted.parameters
    resources = parameters.resources
    requests = resources.requests if resources is not None else {"cpu": "100m", "memory": "192Mi"}
    limits = resources.limits if resources is not None else {}
    return {
        "name": "proxy",
        "image": parameters.image or installation.image,
        "imagePullPolicy": parameters.image_pull_policy or installation.image_pull_policy,
        "args": [
            "proxy",
            f"--controller={installation.controller}",
            f"--gateway={wanted.namespace}/{wanted.name}",
            "--token=/var/run/agw/controller/token",
            f"--ca=/var/run/agw/controller/{_CA}",
            "--state-dir=/var/lib/agw",
            "--bind=::",  # both families, or the one that the node has
            f"--admin=[::]:{RESERVED_PORT}",
            f"--drain-grace={_GRACE}s",
            "--own-endpoints=false",  # who may write a Backend is not who may use the pod's admin port
            "--search-domains=false",  # a name that they complete could be any namespace's, whatever grants there are
        ],
        "env": _environment(parameters),
        "ports": [{"name": "admin", "containerPort": RESERVED_PORT, "protocol": "TCP"}],
        # Failing takes three probes: a pod that ends counts as serving for about as long as it takes connections.
        "readinessProbe": _probe("/readyz", period=5, failures=3),
        "startupProbe": _probe("/livez", period=1, failures=60),
        "livenessProbe": _probe("/livez", period=10, failures=6),
        "resources": {"requests": dict(requests), "limits": dict(limits)},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "controller", "mountPath": "/var/run/agw/controller", "readOnly": True},
            {"name": "state", "mountPath": "/var/lib/agw"},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - in the container
        ],
    }


def _probe(path: str, *, period: int, failures: int) -> Json:
    return {
        "httpGet": {"path": path, "port": "admin"},
        "periodSeconds": period,
        "timeoutSeconds": 3,
        "failureThreshold": failures,
    }


def _environment(parameters: Parameters) -> list[Json]:
    """Settings as variables, by name: a flag's text could be mistaken for another flag. Two workers where nobody says.

    The program's own default is one a core, which is the node's number where a pod has no limit.
    """
    settings = {"log_format": "json", "workers": "2", **parameters.settings}
    variables = {setting.env: settings[setting.name] for setting in TABLE if setting.name in settings}
    return [{"name": name, "value": value} for name, value in sorted(variables.items())]


def _drain_seconds(parameters: Parameters) -> int:
    setting = next(setting for setting in TABLE if setting.name == "drain_timeout")
    return -(-int(setting.parse(parameters.settings.get(setting.name, setting.default))) // 1000)


def _volumes(installation: Installation, name: str) -> list[Json]:
    token = {
        "path": "token",
        "audience": names.audience(installation.namespace),
        "expirationSeconds": _TOKEN_SECONDS,
    }
    trust = {"name": name, "items": [{"key": _CA, "path": _CA}]}
    return [
        {"name": "controller", "projected": {"sources": [{"serviceAccountToken": token}, {"configMap": trust}]}},
        {"name": "state", "emptyDir": {"sizeLimit": "256Mi"}},
        {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
    ]


def _service(wanted: Infrastructure, metadata: Json) -> Json:
    parameters = wanted.parameters
    kind = parameters.service_type or "LoadBalancer"
    spec: Json = {
        "type": kind,
        "selector": _selector(wanted),
        # Listeners serve both families, so clients of both reach them where the cluster has both.
        "ipFamilyPolicy": parameters.ip_family_policy or "PreferDualStack",
        "ports": [
            {"name": f"port-{port}", "port": port, "targetPort": port, "protocol": "TCP"} for port in wanted.ports
        ],
    }
    if kind != "ClusterIP":
        # Local keeps the client's address, which X-Forwarded-For and limits by client need, and saves a hop.
        spec["externalTrafficPolicy"] = parameters.external_traffic_policy or "Local"
    if kind == "LoadBalancer" and parameters.load_balancer_class is not None:
        spec["loadBalancerClass"] = parameters.load_balancer_class
    if kind == "LoadBalancer" and len(wanted.addresses) == 1:
        spec["loadBalancerIP"] = wanted.addresses[0]
    annotations = {**wanted.annotations, **parameters.service_annotations}
    return {"metadata": {**metadata, "annotations": annotations} if annotations else metadata, "spec": spec}


def _autoscaler(parameters: Parameters, name: str) -> Json:
    hpa = parameters.hpa
    if hpa is None:
        raise ValueError("no autoscaler is asked for")
    return {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        "minReplicas": hpa.min_replicas,
        "maxReplicas": hpa.max_replicas,
        "metrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": hpa.cpu}},
            }
        ],
    }
