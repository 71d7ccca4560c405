"""What the host of a Backend's target names: a Service, a pod, something of the cluster that is neither, or the outside.

On a laptop names are completed by whatever resolver the machine has, and files are the administrator's. In a cluster
they are written by whoever may write a Backend, and a resolver's search domains would complete "web-0.web.victim" to a
pod of another namespace, whatever grants there are. So there:

    name, name.ns                     a Service, where there is one; else a DNS name
    ....name.ns.svc[.DOMAIN]          inside: that Service, or (with more labels) one of its pods
    ....ns.pod[.DOMAIN]               inside: a pod by its address
    below DOMAIN otherwise            nothing that anybody could grant
    anything else                     a DNS name

Rules: what is inside needs the grant that its Service would, and is looked up by its full name; a pod by its address,
which is no one Service's, needs a grant for all of them. A DNS name is absolute: the data plane completes none
(`--search-domains`).

Must not: look for an object, or resolve a name.
"""

from __future__ import annotations

from dataclasses import dataclass

CLUSTER_LOCAL = "cluster.local"
_CLUSTER_SET = "clusterset.local"  # KEP-1645: Services of all clusters of a set; namespaces are the same in each


@dataclass(frozen=True, slots=True)
class Place:
    """What a host names.

    host: as it is looked up where it is no Service. namespace, service: of the Service that it is, or whose pod it is;
    "" where it can be none. whole: it can be that Service itself. inside: it can be nothing outside of the cluster.
    """

    host: str
    namespace: str = ""
    service: str = ""
    whole: bool = False
    inside: bool = False


def on_laptop(host: str, namespace: str) -> Place:
    """Say what a host names where files say what there is. namespace: the Backend's."""
    labels = _split(host.rstrip(".").lower().removesuffix(f".{CLUSTER_LOCAL}"))
    if len(labels) == 1:
        return Place(host, namespace, labels[0], whole=True)
    if len(labels) == 2:
        return Place(host, labels[1], labels[0], whole=True)
    if labels[-1] == "svc":
        return Place(host, labels[-2], labels[-3], whole=True, inside=True)
    return Place(host)


def in_cluster(host: str, namespace: str, domain: str) -> Place:
    """Say what a host names in a cluster with that DNS domain. namespace: the Backend's."""
    name = host.rstrip(".").lower()
    below = next((each for each in (domain, CLUSTER_LOCAL, _CLUSTER_SET) if f".{name}".endswith(f".{each}")), "")
    labels = _split(name.removesuffix(below).rstrip("."))
    full = ".".join((*labels, below or domain))
    if len(labels) > 2 and labels[-1] == "svc":
        whole = len(labels) == 3 and below != _CLUSTER_SET
        return Place(full, labels[-2], labels[-3], whole=whole, inside=True)
    if len(labels) > 2 and labels[-1] == "pod":
        return Place(full, labels[-2], inside=True)
    if below:
        return Place(full, inside=True)
    if len(labels) == 1:
        return Place(name, namespace, labels[0], whole=True)
    return Place(name, labels[1], labels[0], whole=True) if len(labels) == 2 else Place(name)


def _split(name: str) -> list[str]:
    return name.split(".") if name else []
