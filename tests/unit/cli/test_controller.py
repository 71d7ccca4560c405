"""What `agw controller` finds out by itself."""

import pytest

from agw.cli.controller import cluster_domain


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("search agw.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.0.0.10\n", "cluster.local"),
        ("nameserver 10.0.0.10\nsearch agw.svc.K8s.corp. svc.K8s.corp. K8s.corp. corp\n", "k8s.corp"),
        ("search corp example.com\n", "cluster.local"),
        ("", "cluster.local"),
    ],
)
def test_the_clusters_domain_is_that_of_the_pods_resolver(tmp_path, text, domain):
    path = tmp_path / "resolv.conf"
    path.write_text(text)
    assert cluster_domain(path) == domain
    assert cluster_domain(tmp_path / "none") == "cluster.local"
