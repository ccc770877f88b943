"""The NetworkPolicies of k8s/ as a graph: which pods each pod reaches, compared with the addresses in its variables."""

import re

import pytest

from .manifests import PODS, SERVICES, of_kind, variables

POLICIES = [policy["spec"] for policy in of_kind("NetworkPolicy").values()]
DNS = {"matchLabels": {"k8s-app": "kube-dns"}}
PORTS = {
    name: {port["containerPort"] for container in spec["containers"] for port in container.get("ports", [])}
    for name, (_, spec) in PODS.items()
}


def selects(selector, labels):
    """Return whether a selector selects a pod with these labels; an empty selector selects every pod."""
    expressions = selector.get("matchExpressions", [])
    assert {expression["operator"] for expression in expressions} <= {"In"}
    within = all(labels.get(expression["key"]) in expression["values"] for expression in expressions)
    return within and selector.get("matchLabels", {}).items() <= labels.items()


def rules(name, direction):
    """Return the rules for a pod in one direction, from all policies that select the pod."""
    about = [policy for policy in POLICIES if selects(policy["podSelector"], PODS[name][0])]
    return [
        rule for policy in about if direction in policy["policyTypes"] for rule in policy.get(direction.lower(), [])
    ]


def allows(rule, side, labels, port):
    """Return whether a rule allows a pod with these labels in this namespace, whose own labels are unknown."""
    numbers = {allowed["port"] for allowed in rule["ports"]}
    peers = [peer for peer in rule[side] if selects(peer.get("namespaceSelector", {}), {}) and "ipBlock" not in peer]
    return port in numbers and any(selects(peer.get("podSelector", {}), labels) for peer in peers)


def reaches(source, target, port):
    out = any(allows(rule, "to", PODS[target][0], port) for rule in rules(source, "Egress"))
    return out and any(allows(rule, "from", PODS[source][0], port) for rule in rules(target, "Ingress"))


def called():
    """Yield (caller, called, port) for every Service address in a variable."""
    for name in PODS:
        for _, value in variables(name):
            for host, port in re.findall(r"(?:^|@|//)([a-z][a-z-]*)(?:\.[a-z.-]+)?:(\d+)", value):
                selector = SERVICES[host]["spec"]["selector"]
                found = (other for other, (labels, _) in PODS.items() if selector.items() <= labels.items())
                yield from ((name, other, int(port)) for other in found)


@pytest.mark.parametrize("name", PODS)
def test_policies_restrict_each_pod_in_both_directions(name):
    about = [policy for policy in POLICIES if selects(policy["podSelector"], PODS[name][0])]
    assert {direction for policy in about for direction in policy["policyTypes"]} == {"Ingress", "Egress"}


def test_pods_reach_exactly_the_pods_whose_addresses_are_in_their_variables():
    graph = {
        (source, target, port)
        for source in PODS
        for target in PODS
        for port in PORTS[target]
        if source != target and reaches(source, target, port)
    }
    assert graph == set(called())
    assert ("asynchronous-worker", "serving", 8500) in graph


def test_only_pods_that_call_a_service_may_use_dns():
    callers = {name for name, _, _ in called()}
    for name in PODS:
        asking = [rule for rule in rules(name, "Egress") if DNS in [to.get("podSelector") for to in rule["to"]]]
        ports = [(port["port"], port["protocol"]) for rule in asking for port in rule["ports"]]
        assert ports == ([(53, "UDP"), (53, "TCP")] if name in callers else [])


def test_only_the_web_services_are_open_to_the_cluster_and_serving_is_open_to_its_namespace():
    every = [(name, rule, port) for name in PODS for rule in rules(name, "Ingress") for port in PORTS[name]]
    cluster = {(name, port) for name, rule, port in every if {"namespaceSelector": {}} in rule["from"]}
    namespace = {(name, port) for name, rule, port in every if allows(rule, "from", {"of": "a stranger"}, port)}
    assert cluster == {("web-single", 8000), ("asynchronous-proxy", 8001), ("batch-api", 8002), ("gateway", 8443)}
    assert namespace == cluster | {("serving", 8500), ("serving", 8501)}
