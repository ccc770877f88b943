"""The Dockerfiles, docker-compose.yml and k8s/, checked offline and held against one another."""

import importlib
import re
import subprocess
import sys
import tomllib

import kubernetes_validate
import pytest
import yaml
from kubernetes_validate.utils import all_versions

from local.processes import ROOT

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
PATTERNS = {"web-single": "web_single", "serving": "synchronous", "asynchronous": "asynchronous", "batch": "batch"}
DOCKERFILES = sorted(ROOT.glob("*/Dockerfile*"))
BASES = {"python:3.11-slim-bookworm", "tensorflow/serving:2.19.1"}
SERVERS = {"redis:7-bookworm", "mysql:9.7"}  # images that others make and this repository runs as they are
# Variables that are documented by others: the image of MySQL, gunicorn.
MYSQL_VARIABLES = {"MYSQL_DATABASE", "MYSQL_USER", "MYSQL_PASSWORD_FILE", "MYSQL_ROOT_PASSWORD_FILE"}
GUNICORN_VARIABLES = {"WEB_CONCURRENCY"}

COMPOSE_FILE, EXAMPLE = ROOT / "docker-compose.yml", ROOT / ".env.example"
VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")
COMPOSE = yaml.safe_load(VARIABLE.sub(r"\2", COMPOSE_FILE.read_text()))
SERVICES = COMPOSE["services"]
ONE_SHOT = {name for name, service in SERVICES.items() if service["restart"] == "no"}

MANIFESTS = {path.name: list(yaml.safe_load_all(path.read_text())) for path in sorted((ROOT / "k8s").glob("*.yaml"))}
KUSTOMIZATION = MANIFESTS.pop("kustomization.yaml")[0]
OBJECTS = [resource for resources in MANIFESTS.values() for resource in resources]
KUBERNETES = sorted({version for version in all_versions() if tuple(map(int, version.split("."))) >= (1, 30)})


def instructions(dockerfile):
    """The instructions of a Dockerfile as (name, rest), with ARG defaults put in."""
    text = re.sub(r"^#.*\n", "", dockerfile.read_text(), flags=re.M).replace("\\\n", "")
    for name, default in re.findall(r"^ARG (\w+)=(\S+)", text, re.M):
        text = text.replace(f"${{{name}}}", default)
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


def dockerfile(image):
    """The Dockerfile of one of our own images."""
    return next(path for path in DOCKERFILES if path.parent.name == PATTERNS[image.split("/")[1].split(":")[0]])


def exposed(image):
    if image in SERVERS:
        return {6379} if image.startswith("redis") else {3306}
    return {int(port) for name, rest in instructions(dockerfile(image)) if name == "EXPOSE" for port in rest.split()}


def pod(resource):
    """The pod template of a workload as (labels, spec)."""
    spec = resource["spec"]
    template = (spec["jobTemplate"]["spec"] if resource["kind"] == "CronJob" else spec)["template"]
    return template["metadata"]["labels"], template["spec"]


PODS = {o["metadata"]["name"]: pod(o) for o in OBJECTS if o["kind"] != "Service"}
CONTAINERS = {
    f"{name}/{container['name']}": (spec, container)
    for name, (_, spec) in PODS.items()
    for container in [*spec.get("initContainers", []), *spec["containers"]]
}
# Every variable that a container is given, here or there.
GIVEN = [(v["name"], v["value"]) for _, container in CONTAINERS.values() for v in container.get("env", [])]
GIVEN += [item for service in SERVICES.values() for item in service.get("environment", {}).items()]


def wrong_variables(image, environment):
    """What is wrong with the environment given to a container: names it does not know, required ones left out."""
    if image in SERVERS:
        return set(environment) - MYSQL_VARIABLES
    pattern = PATTERNS[image.split("/")[1].split(":")[0]]
    if pattern == "synchronous":
        return set(environment)
    fields = importlib.import_module(f"{pattern}.settings").Settings.model_fields
    known = {(field.validation_alias or name).upper(): field.is_required() for name, field in fields.items()}
    missing = {name for name, required in known.items() if required} - set(environment)
    return (set(environment) - set(known) - (GUNICORN_VARIABLES if pattern == "web_single" else set())) | missing


# Dockerfiles


def test_there_is_a_dockerfile_for_each_pattern():
    assert {path.parent.name for path in DOCKERFILES} == set(PATTERNS.values())


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_image_is_pinned_unprivileged_and_checked(path):
    lines = instructions(path)
    stages = {rest.split()[0] for name, rest in lines if name == "FROM"}
    assert stages <= BASES
    assert dict(lines)["USER"] == "10001:10001"
    for name, rest in lines:
        assert name not in {"CMD", "ENTRYPOINT"} or rest.startswith("[")
        assert "pip install" not in rest or "--no-deps --require-hashes" in rest
    assert dict(lines)["HEALTHCHECK"].endswith("]")
    assert "ORT_DISABLE_TELEMETRY=1" in path.read_text() or "iris" not in path.read_text()


@pytest.mark.parametrize("model", ["iris", "digits"])
def test_the_same_steps_build_a_model_in_every_image_so_that_they_run_once(model):
    stages = set()
    for path in DOCKERFILES:
        _, *found = path.read_text().partition("AS model\n")
        stage = "".join(found).partition("\nFROM")[0]
        if f"models.{model}" in stage:
            stages.add(stage)
    assert len(stages) == 1


def modules(name):
    """A module of `models` and the others there that it imports."""
    text = (ROOT / "models" / f"{name}.py").read_text()
    imported = re.findall(r"^from \.(\w+) import|^from \. import (\w+)$", text, re.M)
    return {name}.union(*(modules(one or other) for one, other in imported))


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_model_is_built_from_every_module_it_needs_and_from_no_other(path):
    stage = path.read_text().split("\nFROM")[1]
    (model,) = re.findall(r"python -m models\.(\w+)", stage)
    assert set(re.findall(r"models/(\w+)\.py", stage)) == modules(model) | {"__init__"}


# docker compose


def test_compose_follows_the_specification():
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE_FILE)]
    done = subprocess.run(check, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_each_pattern_has_a_profile_and_all_is_everything():
    profiles = {profile for service in SERVICES.values() for profile in service["profiles"]}
    assert profiles == {*PATTERNS.values(), "all"}
    assert all("all" in service["profiles"] for service in SERVICES.values())


@pytest.mark.parametrize("name", SERVICES)
def test_a_compose_service_is_confined(name):
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert service["restart"] == ("no" if name in ONE_SHOT else "unless-stopped")


@pytest.mark.parametrize("name", SERVICES)
def test_a_compose_service_has_the_image_ports_and_variables_of_its_program(name):
    service = SERVICES[name]
    image = service["image"]
    if image not in SERVERS:
        assert image.endswith(f":{VERSION}")
        builders = [s["build"]["dockerfile"] for s in SERVICES.values() if s["image"] == image and "build" in s]
        assert builders == [str(dockerfile(image).relative_to(ROOT))]
        assert "build" in service or service["pull_policy"] == "never"
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:")
        assert int(port.rpartition(":")[2]) in exposed(image)
    assert not wrong_variables(image, service.get("environment", {}))


def test_what_a_compose_service_needs_is_in_its_profiles_and_is_waited_for():
    for service in SERVICES.values():
        for name, condition in service.get("depends_on", {}).items():
            assert set(service["profiles"]) <= set(SERVICES[name]["profiles"])
            ended = "service_completed_successfully" if name in ONE_SHOT else "service_healthy"
            assert condition["condition"] == ended


def test_some_service_waits_for_the_end_of_each_job_as_up_wait_demands():
    waited_for = {name for service in SERVICES.values() for name in service.get("depends_on", {})}
    assert waited_for >= ONE_SHOT


def test_the_example_environment_lists_every_variable_with_its_default():
    example = dict(re.findall(r"^(\w+)=(.*)$", EXAMPLE.read_text(), re.M))
    assert example == dict(VARIABLE.findall(COMPOSE_FILE.read_text()))


# Kubernetes


@pytest.mark.parametrize("version", KUBERNETES)
def test_manifests_follow_the_schemas_of_every_supported_kubernetes(version):
    for resource in OBJECTS:
        kubernetes_validate.validate(resource, version, strict=True)


def test_kustomization_lists_every_file():
    assert set(KUSTOMIZATION["resources"]) == set(MANIFESTS)


@pytest.mark.parametrize("name", PODS)
def test_a_pod_is_at_the_restricted_level_and_knows_nothing_of_the_cluster(name):
    labels, spec = PODS[name]
    assert labels["app.kubernetes.io/name"] == name
    assert spec["automountServiceAccountToken"] is spec["enableServiceLinks"] is False
    assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC"}
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    allowed = {"name", "configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"}
    assert all(volume.keys() <= allowed for volume in spec.get("volumes", []))


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_is_at_the_restricted_level_and_has_limits(name):
    _, container = CONTAINERS[name]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert "memory" in container["resources"]["limits"]
    assert not [port for port in container.get("ports", []) if "hostPort" in port]


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_has_the_image_ports_and_variables_of_its_program(name):
    spec, container = CONTAINERS[name]
    assert container["image"] in {service["image"] for service in SERVICES.values()}
    assert {port["containerPort"] for port in container.get("ports", [])} <= exposed(container["image"])
    assert not wrong_variables(container["image"], {variable["name"] for variable in container.get("env", [])})
    volumes = {volume["name"] for volume in spec.get("volumes", [])} | {"data"}  # the claim of a StatefulSet
    assert {mount["name"] for mount in container.get("volumeMounts", [])} <= volumes


@pytest.mark.parametrize("name", [name for name, (_, spec) in PODS.items() if spec.get("restartPolicy") != "Never"])
def test_a_pod_that_lives_on_is_probed(name):
    (container,) = PODS[name][1]["containers"]
    assert "livenessProbe" in container
    assert "readinessProbe" in container or "ports" not in container


def test_a_service_finds_pods_and_ports():
    for resource in (o for o in OBJECTS if o["kind"] == "Service"):
        (ports,) = [
            {port["name"]: port["containerPort"] for c in spec["containers"] for port in c["ports"]}
            for labels, spec in PODS.values()
            if labels.items() >= resource["spec"]["selector"].items()
        ]
        assert {port["targetPort"]: port["port"] for port in resource["spec"]["ports"]} == ports


def test_addresses_in_variables_are_those_of_services_in_both_places():
    services = {o["metadata"]["name"]: o["spec"]["ports"] for o in OBJECTS if o["kind"] == "Service"}
    found = {address for _, value in GIVEN for address in re.findall(r"(?:^|@|//)([a-z][a-z-]*):(\d+)", str(value))}
    assert {"redis", "serving", "mysql"} <= {host for host, _ in found}
    for host, port in found:
        assert host in SERVICES
        assert int(port) in {offered["port"] for offered in services[host]}


def test_probes_ask_for_paths_that_the_programs_have(monkeypatch, artifacts):
    monkeypatch.setenv("MODEL_DIR", str(artifacts / "iris"))
    paths = set(importlib.import_module("web_single.app").create_app().openapi()["paths"])
    monkeypatch.setenv("MODEL_DIR", str(artifacts / "digits"))
    paths |= {"/v1/models/digits", *importlib.import_module("asynchronous.proxy").create_app().openapi()["paths"]}
    probes = [
        probe
        for _, container in CONTAINERS.values()
        for name, probe in container.items()
        if name in {"startupProbe", "readinessProbe", "livenessProbe"}
    ]
    asked = {probe["httpGet"]["path"] for probe in probes if "httpGet" in probe}
    assert {"/ready", "/health"} <= asked <= paths


def test_the_batch_job_runs_every_hour_and_never_beside_itself():
    (cronjob,) = [resource for resource in OBJECTS if resource["kind"] == "CronJob"]
    assert re.fullmatch(r"[0-5]?\d \* \* \* \*", cronjob["spec"]["schedule"])
    assert cronjob["spec"]["concurrencyPolicy"] == "Forbid"


# Secrets


def test_no_password_stands_in_git():
    private = ["secrets/mysql_password", "k8s/secrets/mysql-password", ".env"]
    ignored = subprocess.run(["git", "check-ignore", *private], cwd=ROOT, check=True, capture_output=True, text=True)
    assert ignored.stdout.split() == private
    assert not [resource for resource in OBJECTS if resource["kind"] == "Secret"]
    for name, value in GIVEN:
        assert name.endswith("_FILE") or not re.search("PASSWORD|SECRET|TOKEN", name)
        assert not re.search(r"://[^/@]*:[^/@]*@", str(value))


def test_every_secret_in_a_manifest_is_generated():
    (generated,) = KUSTOMIZATION["secretGenerator"]
    keys = {file.partition("=")[0] for file in generated["files"]}
    volumes = [
        volume["secret"] for _, spec in PODS.values() for volume in spec.get("volumes", []) if "secret" in volume
    ]
    assert volumes
    for volume in volumes:
        assert volume["secretName"] == generated["name"]
        assert {item["key"] for item in volume.get("items", [])} <= keys
