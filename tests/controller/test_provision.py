"""The manifests of a data plane."""

import json

import pytest

from agw.controller import names
from agw.controller.provision import GATEWAY_NAME, KINDS, SELECTOR, Installation, manifests, unwanted
from agw.translate.infrastructure import Infrastructure
from agw.translate.parameters import Autoscaling, Parameters, PullSecret, Resources

INSTALLATION = Installation("agw-system", "agw.agw-system.svc:15010", "agw:1", trust="-----BEGIN", replicas=2)


def wanted(**fields):
    given = {"namespace": "team", "name": "gw", "uid": "1-2-3", "ports": (80, 8080), **fields}
    return Infrastructure(**given)


def made(installation=INSTALLATION, **fields):
    return {resource.kind: body for resource, body in manifests(wanted(**fields), installation)}


def pod(objects):
    return objects["Deployment"]["spec"]["template"]["spec"]


def test_one_name_one_namespace_one_owner():
    objects = made(parameters=Parameters(hpa=Autoscaling(4)))
    assert objects.keys() == {resource.kind for resource in KINDS}
    for body in objects.values():
        metadata = body["metadata"]
        assert (metadata["namespace"], metadata["name"]) == ("team", names.made("gw"))
        (owner,) = metadata["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"]) == ("Gateway", "gw", "1-2-3")
        assert owner["controller"]
        assert owner["blockOwnerDeletion"]
        key, value = SELECTOR.split("=")
        assert metadata["labels"][key] == value


def test_infrastructure_metadata_is_on_everything_and_on_the_pods():
    labels, annotations = {"team": "blue"}, {"example.com/a": "b"}
    objects = made(labels=labels, annotations=annotations)
    for metadata in [body["metadata"] for body in objects.values()] + [
        objects["Deployment"]["spec"]["template"]["metadata"]
    ]:
        assert labels.items() <= metadata["labels"].items()
        assert annotations.items() <= metadata["annotations"].items()
        assert metadata["labels"][GATEWAY_NAME] == "gw"


def test_infrastructure_labels_cannot_take_the_selector_away():
    labels = {GATEWAY_NAME: "somebody-else", "app.kubernetes.io/managed-by": "helm"}
    template = made(labels=labels)["Deployment"]["spec"]
    assert template["selector"]["matchLabels"].items() <= template["template"]["metadata"]["labels"].items()
    assert template["selector"]["matchLabels"][GATEWAY_NAME] == "gw"


def test_a_changed_listener_restarts_no_pod():
    assert made(ports=(80,))["Deployment"] == made(ports=(80, 443, 9000))["Deployment"]
    ports = made(ports=(80, 9000))["Service"]["spec"]["ports"]
    assert [(port["port"], port["targetPort"]) for port in ports] == [(80, 80), (9000, 9000)]


def test_pods_have_no_privileges():
    spec = pod(made())
    (container,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not spec["automountServiceAccountToken"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not made()["ServiceAccount"]["automountServiceAccountToken"]


def test_the_token_is_for_the_controller_alone():
    (volume,) = [volume for volume in pod(made())["volumes"] if "projected" in volume]
    token, trust = volume["projected"]["sources"]
    assert token["serviceAccountToken"]["audience"] == names.audience("agw-system")
    assert trust["configMap"]["name"] == names.made("gw")
    assert made()["ConfigMap"]["data"] == {"ca.crt": "-----BEGIN"}


def test_a_pod_has_time_to_drain():
    assert pod(made())["terminationGracePeriodSeconds"] > 55
    long = Parameters(settings={"drain_timeout": "1h"})
    assert pod(made(parameters=long))["terminationGracePeriodSeconds"] > 3600


def test_parameters():
    objects = made(
        parameters=Parameters(
            replicas=5,
            image="mine:2",
            image_pull_policy="Always",
            image_pull_secrets=(PullSecret("my-registry"), PullSecret("other")),
            service_type="LoadBalancer",
            service_annotations={"lb": "small"},
            load_balancer_class="example.com/nlb",
            external_traffic_policy="Cluster",
            ip_family_policy="SingleStack",
            resources=Resources({"cpu": "1"}, {"memory": "1Gi"}),
            node_selector={"pool": "edge"},
            priority_class_name="high",
            settings={"access_log": "stdout", "workers": "4"},
        ),
        annotations={"lb": "large", "other": "kept"},
    )
    spec, (container,) = pod(objects), pod(objects)["containers"]
    assert objects["Deployment"]["spec"]["replicas"] == 5
    assert (container["image"], container["imagePullPolicy"]) == ("mine:2", "Always")
    assert container["resources"] == {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}}
    environment = {item["name"]: item["value"] for item in container["env"]}
    assert environment["AGW_ACCESS_LOG"] == "stdout"
    assert environment["AGW_WORKERS"] == "4"
    assert spec["imagePullSecrets"] == [{"name": "my-registry"}, {"name": "other"}]
    assert (spec["nodeSelector"], spec["priorityClassName"]) == ({"pool": "edge"}, "high")
    service = objects["Service"]
    assert service["spec"]["loadBalancerClass"] == "example.com/nlb"
    assert service["spec"]["externalTrafficPolicy"] == "Cluster"
    assert service["spec"]["ipFamilyPolicy"] == "SingleStack"
    assert service["metadata"]["annotations"] == {"lb": "small", "other": "kept"}


def test_both_families_are_served_where_there_are_both():
    objects = made()
    assert objects["Service"]["spec"]["ipFamilyPolicy"] == "PreferDualStack"
    arguments = pod(objects)["containers"][0]["args"]
    assert {"--bind=::", "--admin=[::]:15000"} <= set(arguments)


def test_an_autoscaler_has_the_replicas_to_itself():
    objects = made(parameters=Parameters(replicas=3, hpa=Autoscaling(max_replicas=9, min_replicas=2, cpu=50)))
    assert "replicas" not in objects["Deployment"]["spec"]
    assert objects["HorizontalPodAutoscaler"]["spec"]["maxReplicas"] == 9
    assert not unwanted(wanted(parameters=Parameters(hpa=Autoscaling(2))))
    assert [resource.kind for resource in unwanted(wanted())] == ["HorizontalPodAutoscaler"]


@pytest.mark.parametrize(
    ("kind", "addresses", "asked"),
    [("LoadBalancer", (), None), ("LoadBalancer", ("192.0.2.1",), "192.0.2.1"), ("ClusterIP", ("192.0.2.1",), None),
     ("LoadBalancer", ("192.0.2.1", "192.0.2.2"), None)],
)  # fmt: skip
def test_one_address_can_be_asked_for(kind, addresses, asked):
    spec = made(addresses=addresses, parameters=Parameters(service_type=kind))["Service"]["spec"]
    assert spec.get("loadBalancerIP") == asked
    assert ("externalTrafficPolicy" in spec) == (kind == "LoadBalancer")


def test_a_gateway_of_the_longest_name():
    objects = made(name="a" * 253)
    assert all(len(body["metadata"]["name"]) <= 63 for body in objects.values())
    values = [*objects["Deployment"]["metadata"]["labels"].values()]
    assert all(len(value) <= 63 for value in values)
    assert f"--gateway=team/{'a' * 253}" in pod(objects)["containers"][0]["args"]
    assert "--own-endpoints=false" in pod(objects)["containers"][0]["args"]
    assert "--search-domains=false" in pod(objects)["containers"][0]["args"]


def test_a_pod_template_follows_from_the_parameters_alone():
    """A controller that starts again, or another replica, must not roll every data plane of a cluster."""
    assert json.dumps(made(), sort_keys=True) == json.dumps(made(), sort_keys=True)
