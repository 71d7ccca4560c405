"""The explanation of every problem code there is, for `agw help CODE` and the reference in docs.

AGW1xxx are explained where they are declared; here are AGW2xxx (what objects mean together) and AGW3xxx (the running
gateway). A test holds the tables to the codes that the sources use.
"""

from __future__ import annotations

TRANSLATION: dict[str, str] = {
    "AGW2001": "The Gateway's gatewayClassName is not ours, and no GatewayClass object makes it ours; it is left to others.",
    "AGW2002": "The GatewayClass names our controller but cannot be used; the message says which field and why.",
    "AGW2010": "The Gateway as a whole cannot be used; none of its listeners is served until that is mended.",
    "AGW2011": "The Gateway asks for something that agw does not serve; the rest of it holds.",
    "AGW2012": "The listener's protocol is not served; its routes are not reachable through it.",
    "AGW2013": "Two listeners of the Gateway cannot live on one port: same hostname, or protocols that exclude each other.",
    "AGW2014": "The listener allows kinds of routes that agw does not know, or none at all.",
    "AGW2015": "A certificate that the listener names is missing, in another namespace without a grant, or not in PEM.",
    "AGW2020": "The route's parentRef names a Gateway that does not exist in that namespace; the route takes no traffic there.",
    "AGW2021": "No listener of the Gateway takes the route: its hostnames, its namespace or its sectionName do not fit.",
    "AGW2022": "A rule or backendRef uses a filter or a feature that agw does not serve; it answers 500, and forwards nothing.",
    "AGW2023": "A match of the rule cannot be evaluated, such as a regular expression that is not RE2; the rule answers 500.",
    "AGW2024": "Another rule takes every request that this one would take; see `agw explain`.",
    "AGW2025": "The rule has no backendRefs, so it answers 500.",
    "AGW2026": "The route's parentRef is of a kind that agw does not serve; Gateway is.",
    "AGW2027": "A filter cannot be used as it is written, or not beside another one; the rule or backendRef answers 500.",
    "AGW2028": "A filter, or a part of one, has no effect where it stands; everything else of the rule holds.",
    "AGW2029": "The route attaches, but the listener or the Gateway is not served, so it takes no traffic there.",
    "AGW2030": "A reference is of a kind or group that cannot stand there; its share of the traffic answers 500.",
    "AGW2031": "A reference crosses namespaces, and no ReferenceGrant in the other namespace permits it.",
    "AGW2032": "A reference names an object that does not exist in that namespace.",
    "AGW2033": "A reference uses something that agw does not serve.",
    "AGW2040": "The Service has no EndpointSlice, so where it runs is not known: use --resolve where there is no cluster.",
    "AGW2041": "The Service has EndpointSlices, but no endpoint in them is ready; its share answers 503 until one is.",
    "AGW2051": "No route that is served names this object. That is no fault; it may be on its way in or out.",
    "AGW2052": "The Backend has what this release of agw does not know, so nothing of it is used: routes to it answer 500.",
    "AGW2060": "The policy's target does not exist, or is of a kind or in a namespace that a policy cannot target.",
    "AGW2062": "An older policy sets the same field on the same target and wins; the fields that differ still hold.",
    "AGW2063": "The Secret of the policy is missing or holds no usable key, so nobody gets in.",
    "AGW2064": "The policy has what this release of agw does not know, so its targets answer 500 rather than be open.",
    "AGW2065": "Nobody gets in by that source of keys: another one finds the same key too, or the gateway drops that header.",
    "AGW2070": "An entry of the Secret can be no key: it is empty, too long, or has characters that no header can carry.",
    "AGW2071": "A newline at the end of a key was taken off: it comes from `echo` or an editor, and no client can send it.",
    "AGW2072": "Two consumers have the same key; requests with it count for one of them.",
}

RUNNING: dict[str, str] = {
    "AGW3001": "Another program listens on that address: stop it, or serve the listener elsewhere with --listen.",
    "AGW3002": "The address is not this machine's, or its port needs rights that the process has not; see --listen.",
    "AGW3003": "A name of a target does not resolve now; it is looked up again and again. See --resolve and `dns_refresh`.",
    "AGW3004": "The workers refused a configuration that translation had made. That is a fault of agw's: please report it.",
    "AGW3005": "The admin port cannot be opened: its address is taken, or not this machine's. Give another one with --admin.",
    "AGW3006": "Reading the configuration failed in a way that agw did not foresee; what is in force stays so. Restart it.",
    "AGW3007": "The configuration as a whole cannot be used, so the last good one stays in force.",
    "AGW3009": "In a pod no Backend may lead to the pod itself, whose admin port trusts it, nor to link-local addresses.",
    "AGW3012": "A store of rate limits is named, and the client library for it is not installed.",
    "AGW3011": "The password file of the store of rate limits cannot be read.",
    "AGW3010": "A Backend names an address, or a name that leads to one, in a network of --denied-networks.",
    "AGW3008": "The file of --access-log cannot be opened, so nothing is served; its folder must exist and be writable.",
}


def explanations() -> dict[str, str]:
    """Return the explanation of every code, by code."""
    from agw.resources.codes import EXPLANATIONS  # noqa: PLC0415 - `--help` does not need it

    return dict(sorted({**EXPLANATIONS, **TRANSLATION, **RUNNING}.items()))
