import pytest

from agw.resources.load import load
from agw.translate.parameters import (
    NO_PARAMETERS,
    Autoscaling,
    Parameters,
    PullSecret,
    Resources,
    class_alone,
    decode,
    merge,
)
from agw.translate.result import ObjectKey
from agw.translate.translator import translate


def test_every_field_is_read():
    state = decode({
        "replicas": "3",
        "image": "registry.example.com:5000/agw:1.0",
        "imagePullPolicy": "Always",
        "imagePullSecrets": "[{name: my-registry}]",
        "serviceType": "NodePort",
        "serviceAnnotations": "cloud.example.com/spec: small\ncloud.example.com/charge: paid",
        "loadBalancerClass": "cloud.example.com/nlb",
        "externalTrafficPolicy": "Cluster",
        "ipFamilyPolicy": "RequireDualStack",
        "resources": "requests: {cpu: 250m, memory: 256Mi}\nlimits: {memory: 1Gi}",
        "hpa": "{minReplicas: 2, maxReplicas: 10, cpu: 60}",
        "nodeSelector": "{pool: edge}",
        "priorityClassName": "high",
        "settings": "access_log: stdout\nvia: false\ntrusted_hops: 1",
    })  # fmt: skip
    assert state.wrong == ()
    assert state.parameters == Parameters(
        replicas=3,
        image="registry.example.com:5000/agw:1.0",
        image_pull_policy="Always",
        image_pull_secrets=(PullSecret("my-registry"),),
        service_type="NodePort",
        service_annotations={"cloud.example.com/spec": "small", "cloud.example.com/charge": "paid"},
        load_balancer_class="cloud.example.com/nlb",
        external_traffic_policy="Cluster",
        ip_family_policy="RequireDualStack",
        resources=Resources({"cpu": "250m", "memory": "256Mi"}, {"memory": "1Gi"}),
        hpa=Autoscaling(10, 2, 60),
        node_selector={"pool": "edge"},
        priority_class_name="high",
        settings={"access_log": "stdout", "via": "false", "trusted_hops": "1"},
    )


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("replica", "3", 'did you mean "replicas"?'),
        ("replicas", "many", "expected `int | null`, got `str`"),
        ("replicas", "0", ">= 1"),
        ("replicas", "", "no value"),
        ("replicas", "{", "replicas: "),
        ("serviceType", "ExternalName", "invalid enum value"),
        ("serviceAnnotations", "{a: 1}", "expected `str`, got `int`"),
        ("serviceAnnotations", "{'a b': c}", "matching regex"),
        ("resources", "{requests: {cpu: lots}}", "matching regex"),
        ("resources", "{request: {cpu: 1}}", "unknown field `request`"),
        ("hpa", "{maxReplicas: 1, minReplicas: 2}", "less than minReplicas"),
        ("hpa", "{minReplicas: 2}", "maxReplicas"),
        ("image", "has space", "matching regex"),
        ("imagePullSecrets", "[my-registry]", "expected `object`, got `str`"),
        ("imagePullSecrets", "[{name: My Registry}]", "matching regex"),
        ("settings", "{acces_log: stdout}", 'did you mean "access_log"?'),
        ("settings", "{drain_timeout: soon}", "must be a duration"),
        ("settings", "{admin: '0.0.0.0:1'}", "pods depend on it"),
        ("settings", "access_log", "a map of settings"),
        ("settings", "{limit_store: 'valkey://h?password=s3cret'}", "limit_store: a password does not belong here"),
    ],
)
def test_what_is_wrong_is_named(key, value, said):
    state = decode({key: value})
    ((found, message),) = state.wrong
    assert found == key
    assert said in message
    assert state.parameters is NO_PARAMETERS


def test_what_only_a_class_may_say_is_told_apart():
    assert decode({"replicas": "3", "priorityClassName": "high", "image": "a"}).reserved == (
        "image",
        "priorityClassName",
    )
    assert decode({"image": "has space"}).reserved == ("image",)
    assert decode({"replicas": "3"}).reserved == ()


def test_all_of_it_is_said_at_once():
    assert [key for key, _ in decode({"b": "1", "a": "1", "replicas": "x"}).wrong] == ["a", "b", "replicas"]


def test_a_gateway_wins_over_its_class_key_by_key():
    outer = Parameters(replicas=2, image="a", service_annotations={"x": "1", "y": "1"}, settings={"via": "false"})
    inner = Parameters(replicas=5, service_annotations={"y": "2"})
    assert merge(outer, inner) == Parameters(
        replicas=5, image="a", service_annotations={"x": "1", "y": "2"}, settings={"via": "false"}
    )
    assert merge(NO_PARAMETERS, inner) == inner
    assert merge(outer, NO_PARAMETERS) == outer


WORLD = """
apiVersion: v1
kind: ConfigMap
metadata: {name: denied, namespace: team}
data: {settings: "denied_networks: 10.0.0.0/8"}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: agw}
spec:
  controllerName: agentgateway.alibabacloud.com/controller
  parametersRef: {group: "", kind: ConfigMap, name: denied, namespace: team}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: plain, namespace: team}
spec:
  gatewayClassName: agw
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: own, namespace: team}
spec:
  gatewayClassName: agw
  infrastructure: {parametersRef: {group: "", kind: ConfigMap, name: denied}}
  listeners: [{name: http, port: 80, protocol: HTTP}]
"""


def test_what_a_gateway_may_reach_is_for_its_class_to_say(tmp_path):
    path = tmp_path / "world.yaml"
    path.write_text(WORLD)
    translation = translate(load([path]).resources)
    assert translation.infrastructure["team/plain"].parameters.settings == {"denied_networks": "10.0.0.0/8"}
    assert translation.infrastructure["team/own"] is None
    accepted = translation.statuses[ObjectKey("Gateway", "team", "own")].conditions[0]
    assert (accepted.status, accepted.reason) == ("False", "InvalidParameters")
    assert accepted.message == "settings: denied_networks is for the GatewayClass to say"


@pytest.mark.parametrize("text", ["stdout", "off"])
def test_a_gateway_may_have_its_requests_in_the_log_of_its_pods(text):
    assert class_alone(decode({"settings": f"access_log: '{text}'"}).parameters) == ()


@pytest.mark.parametrize("setting", ["core_dumps: true", "limit_sync: 10ms", "access_log: /tmp/log", "limit_store: ''"])
def test_what_reaches_further_than_one_gateway_is_for_its_class_to_say(setting):
    [said] = class_alone(decode({"settings": setting}).parameters)
    assert said.startswith(f"settings: {setting.partition(':')[0]}")
    assert "is for the GatewayClass to say" in said
