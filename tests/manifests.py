"""The contents of k8s/, for the tests that check it."""

import yaml

from local.processes import ROOT

FOLDER = ROOT / "k8s"
FILES = {str(path.relative_to(FOLDER)): list(yaml.safe_load_all(path.read_text())) for path in FOLDER.rglob("*.yaml")}
(KUSTOMIZATION,) = FILES.pop("kustomization.yaml")
COMPONENTS = {name.split("/")[1]: FILES.pop(name)[0] for name in list(FILES) if name.endswith("kustomization.yaml")}
MANIFESTS = dict(sorted(FILES.items()))
OBJECTS = [resource for resources in MANIFESTS.values() for resource in resources]


def of_kind(*kinds, among=OBJECTS):
    """Return the objects of these kinds by name."""
    return {resource["metadata"]["name"]: resource for resource in among if resource["kind"] in kinds}


def pod(resource):
    """Return the pod template of a workload as (labels, spec)."""
    spec = resource["spec"]
    template = (spec["jobTemplate"]["spec"] if resource["kind"] == "CronJob" else spec)["template"]
    return template["metadata"]["labels"], template["spec"]


def pods(among=OBJECTS):
    """Return the pod template of each workload, by the workload's name."""
    workloads = of_kind("Deployment", "StatefulSet", "CronJob", "Job", among=among)
    return {name: pod(resource) for name, resource in workloads.items()}


DEPLOYMENTS = of_kind("Deployment")
SERVICES = of_kind("Service")
CONFIG_MAPS = of_kind("ConfigMap")
PODS = pods()
CONTAINERS = {
    f"{name}/{container['name']}": (spec, container)
    for name, (_, spec) in PODS.items()
    for container in [*spec.get("initContainers", []), *spec["containers"]]
}


def environment(container):
    """Return all variables of a container, from ConfigMaps and from single values."""
    maps = [source["configMapRef"]["name"] for source in container.get("envFrom", [])]
    given = {name: value for config in maps for name, value in CONFIG_MAPS[config]["data"].items()}
    return given | {variable["name"]: variable["value"] for variable in container.get("env", [])}


def variables(name):
    """Return all variables of a workload's containers as (name, value)."""
    return [
        item
        for container, (_, c) in CONTAINERS.items()
        if container.startswith(f"{name}/")
        for item in environment(c).items()
    ]
