"""Offline checks of k8s/ against the Kubernetes schemas and the programs, and of each manifest against the others."""

import copy
import importlib
import re
import runpy
import subprocess
import typing

import kubernetes_validate
import pytest
import yaml
from kubernetes_validate.utils import all_versions

from asynchronous import api, keys
from local.processes import ROOT
from serving import ports
from web_single.workers.settings import WorkersSettings

from . import containers
from .containers import exposed, instructions, wrong_variables
from .manifests import (
    COMPONENTS,
    CONFIG_MAPS,
    CONTAINERS,
    DEPLOYMENTS,
    FOLDER,
    KUSTOMIZATION,
    MANIFESTS,
    OBJECTS,
    PODS,
    SERVICES,
    environment,
    of_kind,
    pods,
)

VERSIONS = sorted({version for version in all_versions() if tuple(map(int, version.split("."))) >= (1, 30)})
OF_OTHERS = ("keda.sh/", "monitoring.coreos.com/")  # kinds that Kubernetes itself does not have
SCALED = of_kind("HorizontalPodAutoscaler", "ScaledObject")
PROBES = {"startupProbe", "readinessProbe", "livenessProbe"}
WITHOUT_SETTINGS = {*containers.SERVERS, containers.SERVICES["serving"]["image"]}
WITH_SETTINGS = [name for name, (_, container) in CONTAINERS.items() if container["image"] not in WITHOUT_SETTINGS]
SPARE = 5  # seconds that a pod has left after its work in progress
# All variables of the containers, in k8s/ and in docker-compose.yml.
GIVEN = [item for _, container in CONTAINERS.values() for item in environment(container).items()]
GIVEN += [item for service in containers.SERVICES.values() for item in service.get("environment", {}).items()]


@pytest.fixture
def settings_of(monkeypatch):
    """Build the Settings of a container's program from its variables, without files that exist only in the cluster."""

    def settings_of(name, of_logs=False):
        container = CONTAINERS[name][1]
        for variable, value in environment(container).items():
            if not variable.endswith("_PASSWORD_FILE"):
                monkeypatch.setenv(variable, value)
        pattern = containers.PATTERNS[container["image"].split("/")[1].split(":")[0]]
        if pattern == "web_single":
            return importlib.import_module("web_single.telemetry.settings").TelemetrySettings()
        if of_logs:
            return importlib.import_module(f"{pattern}.logs.logs").LogSettings()
        return importlib.import_module(f"{pattern}.settings").Settings()

    return settings_of


@pytest.mark.parametrize(
    "version",
    [VERSIONS[0], *[pytest.param(one, marks=pytest.mark.exhaustive) for one in VERSIONS[1:-1]], VERSIONS[-1]],
)
def test_manifests_follow_the_schemas_of_every_supported_kubernetes_version(version):
    for resource in OBJECTS:
        if not resource["apiVersion"].startswith(OF_OTHERS):
            kubernetes_validate.validate(resource, version, strict=True)


def test_every_file_is_applied_and_is_in_the_readme():
    readme = (FOLDER / "README.md").read_text()
    assert set(KUSTOMIZATION["resources"]) == {file for file in MANIFESTS if "/" not in file}
    assert set(re.findall(r"^\| `(\S+)` \|", readme, re.M)) == {*KUSTOMIZATION["resources"], *COMPONENTS}
    assert len(readme.splitlines()) <= 80


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_component_applies_its_files_and_is_enabled_by_one_line(name):
    component, folder = COMPONENTS[name], FOLDER / "components" / name
    assert {f"components/{name}/{file}" for file in component.get("resources", [])} == {
        file for file in MANIFESTS if file.startswith(f"components/{name}/")
    }
    assert f"  # - components/{name}\n" in (FOLDER / "kustomization.yaml").read_text()
    title, empty, *lines = (folder / "README.md").read_text().splitlines()
    assert (title.partition(":")[0], empty, len(lines)) == (f"# {name}", "", 3)


def test_the_small_component_lowers_what_every_pod_requests():
    """The numbers in its README: two pods of each Deployment, one of each StatefulSet, and the hourly job."""
    workloads = [resource for file in KUSTOMIZATION["resources"] for resource in MANIFESTS[file]]
    before, after = (
        sum(millicores(pod) * (2 if name in DEPLOYMENTS else 1) for name, (_, pod) in pods(among).items())
        for among in (workloads, patched(workloads, COMPONENTS["small"]["patches"]))
    )
    readme = (FOLDER / "components/small/README.md").read_text()
    assert f"request {after:,}m instead of {before:,}m" in readme


def test_the_rules_in_kubernetes_are_those_of_the_composed_prometheus():
    (rules,) = MANIFESTS["components/monitoring/rules.yaml"]
    assert rules["spec"] == yaml.safe_load((ROOT / "observability/alerts.yml").read_text())
    jobs = yaml.safe_load((ROOT / "observability/prometheus.yml").read_text())["scrape_configs"]
    paths = {job["job_name"]: job.get("metrics_path") for job in jobs}
    endpoints = [monitor["spec"]["endpoints"][0] for monitor in of_kind("ServiceMonitor").values()]
    assert {end["relabelings"][0]["replacement"]: end.get("path") for end in endpoints} == paths


def test_prometheus_finds_the_port_that_a_monitor_names():
    for name, monitor in of_kind("ServiceMonitor").items():
        assert monitor["spec"]["selector"]["matchLabels"] == SERVICES[name]["metadata"]["labels"]
        assert monitor["spec"]["endpoints"][0]["port"] in {port["name"] for port in SERVICES[name]["spec"]["ports"]}


@pytest.mark.parametrize("file", MANIFESTS)
def test_a_file_contains_the_config_maps_and_pods_that_it_refers_to(file):
    labels = [labels for labels, _ in (PODS if file.startswith("components/") else pods(MANIFESTS[file])).values()]
    for _, spec in pods(MANIFESTS[file]).values():
        sources = [source for container in spec["containers"] for source in container.get("envFrom", [])]
        assert {source["configMapRef"]["name"] for source in sources} <= set(
            of_kind("ConfigMap", among=MANIFESTS[file])
        )
    for resource in of_kind("Service", "PodDisruptionBudget", among=MANIFESTS[file]).values():
        selector = resource["spec"]["selector"]
        assert any(selector.get("matchLabels", selector).items() <= found.items() for found in labels)


def millicores(spec):
    """Return what the scheduler counts for a pod: its containers' requests, or the largest of its init containers."""
    requests = [
        [int(container["resources"]["requests"]["cpu"].removesuffix("m")) for container in spec.get(kind, [])]
        for kind in ("containers", "initContainers")
    ]
    return max(sum(requests[0]), *requests[1], 0)


def patched(resources, patches):
    """Return copies of these objects with a component's JSON patches, which all replace a value."""
    resources = copy.deepcopy(resources)
    for patch in patches:
        target = patch["target"]
        kinds = of_kind(*target["kind"].split("|"), among=resources)
        for resource in [kinds[target["name"]]] if "name" in target else kinds.values():
            for change in yaml.safe_load(patch["patch"]):
                *way, last = change["path"].strip("/").split("/")
                place = resource
                for step in way:
                    place = place[int(step) if isinstance(place, list) else step]
                assert last in place
                place[last] = change["value"]
    return resources


# Privileges


@pytest.mark.parametrize("name", PODS)
def test_a_pod_is_at_the_restricted_level_and_gets_no_information_about_the_cluster(name):
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


# Images, ports, variables and services


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_has_the_image_ports_and_variables_of_its_program(name):
    spec, container = CONTAINERS[name]
    assert container["image"] in {service["image"] for service in containers.SERVICES.values()}
    assert {port["containerPort"] for port in container.get("ports", [])} <= exposed(container["image"])
    assert not wrong_variables(container["image"], environment(container))
    volumes = {volume["name"] for volume in spec.get("volumes", [])} | {"data"}  # the claim of a StatefulSet
    assert {mount["name"] for mount in container.get("volumeMounts", [])} <= volumes


@pytest.mark.parametrize("name", WITH_SETTINGS)
def test_a_program_accepts_the_variables_of_its_container(name, settings_of):
    assert settings_of(name, of_logs=True).log_format == "json"


def test_every_config_map_is_used():
    used = {source["configMapRef"]["name"] for _, c in CONTAINERS.values() for source in c.get("envFrom", [])}
    assert used == set(CONFIG_MAPS)


def test_a_service_selects_the_pods_of_one_workload_and_all_their_ports():
    for resource in SERVICES.values():
        (ports,) = [
            {port["name"]: port["containerPort"] for c in spec["containers"] for port in c["ports"]}
            for labels, spec in PODS.values()
            if labels.items() >= resource["spec"]["selector"].items()
        ]
        assert {port["targetPort"]: port["port"] for port in resource["spec"]["ports"]} == ports


def test_addresses_in_variables_are_those_of_services_in_compose_and_in_kubernetes():
    found = {address for _, value in GIVEN for address in re.findall(r"(?:^|@|//)([a-z][a-z-]*):(\d+)", str(value))}
    assert {"redis", "serving", "mysql"} <= {host for host, _ in found}
    for host, port in found:
        assert host.removesuffix("-pods") in containers.SERVICES  # the Service of all pods of one Deployment
        assert int(port) in {offered["port"] for offered in SERVICES[host]["spec"]["ports"]}


def objects_in(value):
    """Yield a manifest and every object inside it."""
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects_in(part)


@pytest.mark.parametrize("file", MANIFESTS)
def test_a_second_apply_finds_nothing_to_change(file):
    """The API server drops empty lists, and adds protocols and strategy types. Each apply would take that back."""
    found = list(objects_in(MANIFESTS[file]))
    probed = [item["httpGet"] for item in found if "httpGet" in item]
    ports = [item for item in found if isinstance(item.get("port", item.get("containerPort")), int)]
    assert not [item for item in found if [] in item.values()]
    assert all("protocol" in port for port in ports if port not in probed)
    assert all("type" in item["strategy"] for item in found if "strategy" in item)


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - {"serving-pods"}))  # clients call each pod, and several exist
def test_a_service_has_an_address_while_its_pods_are_away(name):
    spec = SERVICES[name]["spec"]  # the name of a headless service would not resolve while no pod is ready
    assert spec.get("clusterIP") != "None" or spec["publishNotReadyAddresses"]


# How pods start, stop and move


@pytest.mark.parametrize("name", [name for name, (_, spec) in PODS.items() if spec.get("restartPolicy") != "Never"])
def test_a_long_running_pod_has_probes(name):
    (container,) = PODS[name][1]["containers"]
    assert "livenessProbe" in container
    assert {"startupProbe", "readinessProbe"} <= container.keys() or "ports" not in container


def test_probes_request_paths_that_the_programs_have(monkeypatch, artifacts):
    monkeypatch.setenv("MODEL_DIR", str(artifacts / "iris"))
    paths = set(importlib.import_module("web_single.app").create_app().openapi()["paths"])
    monkeypatch.setenv("MODEL_DIR", str(artifacts / "digits"))
    paths |= set(importlib.import_module("asynchronous.app").create_app().openapi()["paths"])
    (model,) = re.findall("--model_name=([a-z]+)", dict(instructions(ROOT / "synchronous/Dockerfile"))["CMD"])
    paths.add(f"/v1/models/{model}/metadata")
    probes = [probe for _, container in CONTAINERS.values() for name, probe in container.items() if name in PROBES]
    asked = {probe["httpGet"]["path"] for probe in probes if "httpGet" in probe}
    assert {"/ready", "/health"} <= asked <= paths


@pytest.mark.parametrize("name", ["asynchronous-proxy", "batch-api"])
def test_pods_that_share_a_store_stay_in_their_service_while_it_is_away(name):
    """All of them would fail `/ready` at once, and callers would get a refused connection instead of 503."""
    (container,) = PODS[name][1]["containers"]
    assert container["startupProbe"]["httpGet"]["path"] == "/ready"
    assert container["readinessProbe"]["httpGet"]["path"] == "/health"


def pause(name):
    """Return the seconds between the decision to stop a pod and its SIGTERM."""
    (container,) = PODS[name][1]["containers"]
    return container.get("lifecycle", {"preStop": {"sleep": {"seconds": 0}}})["preStop"]["sleep"]["seconds"]


def work_seconds(name, settings):
    """Return the seconds that a program's work in progress may still take after SIGTERM."""
    if name == "web-single":
        gunicorn = runpy.run_path(str(ROOT / "web_single/gunicorn.conf.py"))
        return WorkersSettings().drain_seconds + gunicorn["graceful_timeout"]
    if name == "asynchronous-proxy":
        return max(getattr(limit, "le", 0) for limit in typing.get_args(api.Wait)[1].metadata)
    return settings.predict_timeout


@pytest.mark.parametrize(
    "container", ["web-single/web-single", "asynchronous-proxy/proxy", "asynchronous-worker/worker"]
)
def test_a_pod_has_time_to_finish_its_work_in_progress(container, settings_of):
    name, _, _ = container.partition("/")
    needed = pause(name) + work_seconds(name, settings_of(container)) + SPARE
    assert PODS[name][1]["terminationGracePeriodSeconds"] >= needed


def test_the_serving_pod_has_time_to_drain():
    needed = pause("serving") + ports.DRAIN_SECONDS + SPARE
    assert PODS["serving"][1]["terminationGracePeriodSeconds"] >= needed


@pytest.mark.parametrize("name", sorted(DEPLOYMENTS.keys() & SERVICES.keys()))
def test_an_update_never_leaves_a_service_with_fewer_pods_or_with_a_pod_that_refuses_requests(name):
    assert DEPLOYMENTS[name]["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert pause(name) >= SPARE  # the time until no Service sends requests to the pod


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_pods_of_a_deployment_are_spread_and_are_evicted_one_at_a_time(name):
    labels, spec = PODS[name]
    wishes = {wish["topologyKey"]: wish for wish in spec["topologySpreadConstraints"]}
    assert wishes.keys() == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
    for wish in wishes.values():
        assert wish["labelSelector"] == {"matchLabels": labels}
        assert wish["whenUnsatisfiable"] == "ScheduleAnyway"
    budget = of_kind("PodDisruptionBudget")[name]["spec"]
    assert (budget["maxUnavailable"], budget["selector"]) == (1, {"matchLabels": labels})


def test_a_version_that_ends_soon_after_its_start_replaces_no_pod_that_works():
    for name, resource in DEPLOYMENTS.items():
        (container, *_) = resource["spec"]["template"]["spec"]["containers"]
        assert "readinessProbe" in container or resource["spec"]["minReadySeconds"] >= 20, name


def test_a_single_pod_has_no_disruption_budget_that_would_block_a_node_drain():
    several = {name for name, resource in DEPLOYMENTS.items() if resource["spec"].get("replicas", 2) > 1}
    assert set(of_kind("PodDisruptionBudget")) == several


def test_an_autoscaler_and_an_apply_do_not_conflict_over_the_number_of_pods():
    scaler, worker = SCALED["web-single"]["spec"], SCALED["asynchronous-worker"]["spec"]
    assert "replicas" not in DEPLOYMENTS[scaler["scaleTargetRef"]["name"]]["spec"]
    assert 2 <= scaler["minReplicas"] < scaler["maxReplicas"]
    assert DEPLOYMENTS[worker["scaleTargetRef"]["name"]]["spec"]["replicas"] == worker["minReplicaCount"]
    assert 2 <= worker["minReplicaCount"] < worker["maxReplicaCount"]


def test_keda_scales_by_the_length_of_the_queue_and_the_jobs_that_a_worker_claims_at_once(settings_of):
    worker = settings_of("asynchronous-worker/worker")
    (trigger,) = SCALED["asynchronous-worker"]["spec"]["triggers"]
    asked = trigger["metadata"]
    host, namespace, port = re.fullmatch(r"(\w+)\.([\w-]+)\.svc:(\d+)", asked["address"]).groups()
    assert (trigger["type"], asked["stream"]) == ("redis-streams", keys.QUEUE)
    assert "consumerGroup" not in asked  # KEDA would count the group's pending entries, not the stream's length
    assert asked["streamLength"] == str(worker.worker_processes * worker.batch_size)
    assert int(port) in {offered["port"] for offered in SERVICES[host]["spec"]["ports"]}
    assert f"kubectl create namespace {namespace}\n" in (FOLDER / "README.md").read_text()


def test_the_batch_job_runs_every_hour_and_its_runs_never_overlap():
    (cronjob,) = of_kind("CronJob").values()
    assert re.fullmatch(r"[0-5]?\d \* \* \* \*", cronjob["spec"]["schedule"])
    assert cronjob["spec"]["concurrencyPolicy"] == "Forbid"


@pytest.mark.parametrize("file", ["batch-cronjob.yaml", "components/backfill/job.yaml"])
def test_a_batch_job_stops_itself_before_the_cluster_stops_it_and_is_deleted_later(file):
    (resource,) = MANIFESTS[file]
    spec = resource["spec"]["jobTemplate"]["spec"] if resource["kind"] == "CronJob" else resource["spec"]
    command = spec["template"]["spec"]["containers"][0]["command"]
    deadline = int(command[command.index("--deadline") + 1])
    assert deadline + 120 <= spec["activeDeadlineSeconds"]
    assert spec.keys() >= {"ttlSecondsAfterFinished", "podFailurePolicy"}


# Secrets


def test_no_password_is_in_git():
    private = ["secrets/mysql_password", "k8s/secrets/mysql-password", "k8s/components/gateway/secrets/tls.key", ".env"]
    ignored = subprocess.run(["git", "check-ignore", *private], cwd=ROOT, check=True, capture_output=True, text=True)
    assert ignored.stdout.split() == private
    assert not of_kind("Secret")
    for name, value in GIVEN:
        assert name.endswith("_FILE") or not re.search("PASSWORD|SECRET|TOKEN", name)
        assert not re.search(r"://[^/@]*:[^/@]*@", str(value))


def test_the_proxy_and_the_program_that_delivers_allow_the_same_hosts():
    (patch,) = COMPONENTS["callbacks"]["patches"]
    (change,) = yaml.safe_load(patch["patch"])
    assert patch["target"] == {"kind": "ConfigMap", "name": "^asynchronous$"}
    assert change["path"] == "/data/CALLBACK_HOSTS"
    assert change["value"] == CONFIG_MAPS["asynchronous-callbacks"]["data"]["CALLBACK_HOSTS"]


def test_every_secret_in_a_manifest_is_generated():
    generators = [one for source in (KUSTOMIZATION, *COMPONENTS.values()) for one in source.get("secretGenerator", [])]
    names = {one["name"]: {file.partition("=")[0] for file in one["files"]} for one in generators}
    volumes = [
        volume["secret"] for _, spec in PODS.values() for volume in spec.get("volumes", []) if "secret" in volume
    ]
    assert volumes
    for volume in volumes:
        assert {item["key"] for item in volume.get("items", [])} <= names[volume["secretName"]]


def test_make_k8s_secrets_writes_the_passwords_once_and_only_their_owner_can_read_them(tmp_path):
    scripts = ("local/secrets.sh", "local/passwords.sh", "gateway/secrets.sh", "gateway/key.sh")
    for name in ("Makefile", "local/development.mk", *scripts):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    written = []
    for _ in range(2):
        subprocess.run(["make", "k8s-secrets"], cwd=tmp_path, check=True, capture_output=True)
        listed = [file for one in KUSTOMIZATION["secretGenerator"] for file in one["files"]]
        files = [tmp_path / "k8s" / file.partition("=")[2] for file in listed]
        written.append([file.read_text() for file in files])
    assert written[0] == written[1]
    assert len(set(written[0])) == 3
    assert all(re.fullmatch(r"[\w+/]{32}", password, re.ASCII) for password in written[0])
    files.append(tmp_path / "k8s/components/callbacks/secrets/secret")
    gateway = tmp_path / "k8s/components/gateway"
    files += [gateway / file.partition("=")[2] for file in COMPONENTS["gateway"]["secretGenerator"][0]["files"]]
    assert {path.parent.stat().st_mode & 0o777 for path in files} == {0o700}
    assert [path.stat().st_mode & 0o777 for path in files] == [0o600] * 7
