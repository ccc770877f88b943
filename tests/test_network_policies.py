"""The NetworkPolicies of k8s/ as a graph: whom each pod reaches, held against the addresses that it is given."""

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
    """Whether a selector selects what has these labels; an empty one selects everything."""
    expressions = selector.get("matchExpressions", [])
    assert {expression["operator"] for expression in expressions} <= {"In"}
    within = all(labels.get(expression["key"]) in expression["values"] for expression in expressions)
    return within and selector.get("matchLabels", {}).items() <= labels.items()


def rules(name, direction):
    """The rules for a pod in one direction, from all policies that are about it."""
    about = [policy for policy in POLICIES if selects(policy["podSelector"], PODS[name][0])]
    return [rule for policy in about if direction in policy["policyTypes"] for rule in policy[direction.lower()]]


def lets(rule, side, labels, port):
    """Whether a rule is about a pod with these labels in this namespace, of whose own labels nothing is known."""
    numbers = {allowed["port"] for allowed in rule["ports"]}
    peers = [peer for peer in rule[side] if selects(peer.get("namespaceSelector", {}), {}) and "ipBlock" not in peer]
    return port in numbers and any(selects(peer.get("podSelector", {}), labels) for peer in peers)


def reaches(source, target, port):
    out = any(lets(rule, "to", PODS[target][0], port) for rule in rules(source, "Egress"))
    return out and any(lets(rule, "from", PODS[source][0], port) for rule in rules(target, "Ingress"))


def called():
    """Who is given whose address: (caller, called, port) for every Service in a variable."""
    for name in PODS:
        for _, value in variables(name):
            for host, port in re.findall(r"(?:^|@|//)([a-z][a-z-]*):(\d+)", value):
                selector = SERVICES[host]["spec"]["selector"]
                found = (other for other, (labels, _) in PODS.items() if selector.items() <= labels.items())
                yield from ((name, other, int(port)) for other in found)


@pytest.mark.parametrize("name", PODS)
def test_a_pod_is_closed_in_both_directions_but_for_what_a_policy_lets_through(name):
    about = [policy for policy in POLICIES if selects(policy["podSelector"], PODS[name][0])]
    assert {direction for policy in about for direction in policy["policyTypes"]} == {"Ingress", "Egress"}


def test_pods_reach_those_whose_address_they_are_given_and_nobody_else():
    graph = {
        (source, target, port)
        for source in PODS
        for target in PODS
        for port in PORTS[target]
        if source != target and reaches(source, target, port)
    }
    assert graph == set(called())
    assert ("asynchronous-worker", "serving", 8500) in graph


def test_those_who_call_others_by_name_may_ask_for_the_address_and_nobody_else():
    callers = {name for name, _, _ in called()}
    for name in PODS:
        asking = [rule for rule in rules(name, "Egress") if DNS in [to.get("podSelector") for to in rule["to"]]]
        ports = [(port["port"], port["protocol"]) for rule in asking for port in rule["ports"]]
        assert ports == ([(53, "UDP"), (53, "TCP")] if name in callers else [])


def test_the_web_services_alone_are_open_to_the_whole_cluster_and_serving_to_its_namespace():
    every = [(name, rule, port) for name in PODS for rule in rules(name, "Ingress") for port in PORTS[name]]
    cluster = {(name, port) for name, rule, port in every if {"namespaceSelector": {}} in rule["from"]}
    namespace = {(name, port) for name, rule, port in every if lets(rule, "from", {"of": "a stranger"}, port)}
    assert cluster == {("web-single", 8000), ("asynchronous-proxy", 8001)}
    assert namespace == cluster | {("serving", 8500), ("serving", 8501)}
