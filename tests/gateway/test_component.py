"""The component in k8s/ against the files of gateway/."""

import re

from local.processes import ROOT
from tests.manifests import COMPONENTS, PODS

CONFIGURATION = (ROOT / "gateway" / "haproxy.cfg").read_text()


def test_kubernetes_has_the_same_configuration():
    assert (ROOT / "k8s/components/gateway/haproxy.cfg").read_text() == CONFIGURATION


def test_with_the_component_only_the_gateway_and_prometheus_reach_the_services():
    (patch,) = COMPONENTS["gateway"]["patches"]
    assert re.fullmatch(r"\((.*)\)", patch["target"]["name"])[1].split("|") == [
        "web-single",
        "asynchronous-proxy",
        "batch-api",
    ]
    assert "name: gateway}" in patch["patch"]
    assert "namespaceSelector: {}" not in patch["patch"]


def test_a_pod_has_time_to_finish_its_requests():
    (seconds,) = re.findall(r"hard-stop-after (\d+)s", CONFIGURATION)
    assert PODS["gateway"][1]["terminationGracePeriodSeconds"] >= int(seconds) + 10
