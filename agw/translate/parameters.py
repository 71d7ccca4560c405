"""Parameters: how a Gateway's data plane is run, from the ConfigMap that a parametersRef names.

Each key of the ConfigMap is a field of `Parameters` and its value is YAML, so that `--from-literal=replicas=3` and a
block of annotations are written alike. A GatewayClass's parameters hold for all its Gateways; a Gateway's own win, field
by field, and within maps key by key. What decides which program runs, where in the cluster, and before whom is for whoever
runs the cluster: a Gateway's own parameters, which anybody in its namespace may write, cannot say it (`reserved`).

Rules: unknown keys, wrong types and values out of bounds are refused with the key's name: a typing error that leaves a
Gateway with one replica would be found out in the night. All of them at once.

Must not: know how a data plane is provisioned; on a laptop parameters are checked and have no effect.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from agw import settings
from agw.resources import nodes
from agw.resources.construct import construct
from agw.resources.walk import did_you_mean
from agw.translate.graph import Ask, Query
from agw.translate.inputs import CONFIG_MAP_OBJECT

_QUANTITY = r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi|E|Ei)?$"
_IMAGE = r"^[a-zA-Z0-9][-a-zA-Z0-9._:/]*(@sha256:[0-9a-f]{64})?$"
_KEY = r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
_OWN_SETTINGS = frozenset({"bind", "admin", "admin_host", "drain_grace", "own_endpoints", "search_domains"})
"""Settings that provisioning decides: the probes and the ends of pods depend on them, and whom a pod may trust."""

CLASS_SETTINGS = ("core_dumps", "denied_networks", "limit_store", "limit_store_password_file", "limit_sync")
"""Settings of a GatewayClass alone, for they reach further than one Gateway: what a pod may connect to and read, how often
a store is asked that the pods of many Gateways share, and who may read the memory in which all keys are. `access_log` is half
of one: a file is (`class_alone`)."""

Replicas = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Quantity = Annotated[str, msgspec.Meta(pattern=_QUANTITY)]
QualifiedName = Annotated[str, msgspec.Meta(pattern=_KEY)]
ResourceText = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")]
ResourceName = Literal["cpu", "memory", "ephemeral-storage"]


class _Part(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """Base of the values below."""


class Resources(_Part, frozen=True):
    """Of the one container of a data plane's pod."""

    requests: dict[ResourceName, Quantity] = {}
    limits: dict[ResourceName, Quantity] = {}


class Autoscaling(_Part, frozen=True):
    """A HorizontalPodAutoscaler. cpu: percent of the requests that it aims at."""

    max_replicas: Replicas
    min_replicas: Replicas = 2
    cpu: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 70


class PullSecret(_Part, frozen=True):
    """A Secret of the Gateway's namespace that the image is pulled with."""

    name: ResourceText


class Parameters(_Part, frozen=True):
    """What can be said; what is left out holds as the installation has it.

    settings: process settings of the data plane by name, as `agw settings` lists them.
    """

    replicas: Replicas | None = None
    image: Annotated[str, msgspec.Meta(pattern=_IMAGE)] | None = None
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    image_pull_secrets: tuple[PullSecret, ...] | None = None
    service_type: Literal["LoadBalancer", "ClusterIP", "NodePort"] | None = None
    service_annotations: dict[QualifiedName, str] = {}
    load_balancer_class: QualifiedName | None = None
    external_traffic_policy: Literal["Local", "Cluster"] | None = None
    ip_family_policy: Literal["SingleStack", "PreferDualStack", "RequireDualStack"] | None = None
    resources: Resources | None = None
    hpa: Autoscaling | None = None
    node_selector: dict[QualifiedName, str] = {}
    priority_class_name: ResourceText | None = None
    settings: dict[str, str] = {}


NO_PARAMETERS = Parameters()
_FIELDS = {field.encode_name: field for field in msgspec.structs.fields(Parameters)}
RESERVED = frozenset({"image", "imagePullPolicy", "imagePullSecrets", "nodeSelector", "priorityClassName"})
"""Keys that only a GatewayClass's parameters may have."""
_MAPS = ("service_annotations", "node_selector", "settings")


@dataclass(frozen=True, slots=True)
class ParametersState:
    """A ConfigMap as parameters. wrong: (key or "", what is wrong with it). reserved: its keys that a class's alone may have."""

    parameters: Parameters = NO_PARAMETERS
    wrong: tuple[tuple[str, str], ...] = ()
    reserved: tuple[str, ...] = ()


def _parameters(ask: Ask, namespace: str, name: str) -> ParametersState:
    found = ask(CONFIG_MAP_OBJECT, namespace, name)
    if found is None:
        return ParametersState(wrong=(("", f"there is no ConfigMap {namespace}/{name}"),))
    return decode(found.data)


PARAMETERS: Query[ParametersState] = Query("parameters", 1, _parameters)
"""(namespace, ConfigMap)"""


def decode(data: Mapping[str, str]) -> ParametersState:
    """Decode a ConfigMap's data."""
    values: dict[str, Any] = {}
    wrong: list[tuple[str, str]] = []
    for key in sorted(data):
        field = _FIELDS.get(key)
        if field is None:
            hint = did_you_mean(key, _FIELDS) or f"there are {', '.join(_FIELDS)}"
            wrong.append((key, f"unknown parameter {key} ({hint})"))
            continue
        try:
            value = _yaml(data[key])
            if key == "settings":
                value = _settings(value)
            values[field.name] = msgspec.convert(value, field.type)
        except (ValueError, msgspec.ValidationError) as error:
            wrong.append((key, f"{key}: {_plainly(error)}"))
    parameters = Parameters(**values)
    hpa = parameters.hpa
    if hpa is not None and hpa.max_replicas < hpa.min_replicas:
        wrong.append(("hpa", "hpa: maxReplicas is less than minReplicas"))
    reserved = tuple(key for key in sorted(data) if key in RESERVED)
    return ParametersState(NO_PARAMETERS if wrong else parameters, tuple(wrong), reserved)


def class_alone(parameters: Parameters) -> tuple[str, ...]:
    """Tell which settings a Gateway's own parameters have that are for its class.

    Its access log may go to stdout, where a cluster's logs are, or nowhere. A file is in the pod's scratch space: nobody
    collects it, and the pod is evicted when that is full.
    """
    found = [f"{each} is for the GatewayClass to say" for each in CLASS_SETTINGS if each in parameters.settings]
    if parameters.settings.get("access_log", "off") not in {"off", "stdout"}:
        found.append("access_log: a file is for the GatewayClass to say; a Gateway may say stdout or off")
    return tuple(f"settings: {each}" for each in found)


def merge(outer: Parameters, inner: Parameters) -> Parameters:
    """Lay a Gateway's parameters over those of its class."""
    values = {name: getattr(inner, name) for name in Parameters.__struct_fields__}
    for name, value in values.items():
        if name in _MAPS:
            values[name] = getattr(outer, name) | value
        elif value is None:
            values[name] = getattr(outer, name)
    return Parameters(**values)


def _yaml(text: str) -> Any:  # noqa: ANN401 - any value
    documents, problem = nodes.compose_yaml(text)
    if problem is not None or len(documents) > 1:
        raise ValueError(problem.message if problem is not None else "one value is expected, found several documents")
    if not documents or documents[0] is None:
        raise ValueError("it has no value")
    value, problems = construct(documents[0])
    if problems:
        raise ValueError(problems[0].message)
    return value


def _settings(value: Any) -> dict[str, str]:  # noqa: ANN401 - any value
    """Read a map of settings; each value is checked as a flag's text would be. Raises ValueError."""
    if not isinstance(value, dict):
        raise ValueError("expected a map of settings, such as access_log: stdout")  # noqa: TRY004 - a value, not a type
    known = {setting.name: setting for setting in settings.TABLE if setting.name not in _OWN_SETTINGS}
    texts: dict[str, str] = {}
    for name, given in value.items():
        text = str(given).lower() if isinstance(given, bool) else str(given)
        if name in _OWN_SETTINGS:
            raise ValueError(f"{name} is not to be set here: pods depend on it")
        if name not in known:
            raise ValueError(f"there is no setting {name} ({did_you_mean(name, known) or 'agw settings lists them'})")
        try:
            known[name].parse(text)
        except ValueError as error:
            raise ValueError(f"{name}{known[name].quoted(text)}: {error}") from None
        texts[name] = text
    return texts


def _plainly(error: Exception) -> str:
    """Say what msgspec says in a sentence that goes on after the key."""
    return re.sub(r"^(.)", lambda found: found[1].lower(), str(error)).replace(" - at `$", " at `")
