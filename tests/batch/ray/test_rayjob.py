"""The manifest for KubeRay, whose own schema is not in any package: its pods, its image and its command."""

import re
import shlex

import kubernetes_validate
import pytest
import yaml
from typer.main import get_command

from batch.ray.__main__ import app
from local.processes import ROOT
from tests.containers import VERSION
from tests.test_kubernetes import VERSIONS

FOLDER = ROOT / "batch" / "ray"
JOB = yaml.safe_load((FOLDER / "rayjob.yaml").read_text())
CLUSTER = JOB["spec"]["rayClusterSpec"]
GROUPS = [CLUSTER["headGroupSpec"], *CLUSTER["workerGroupSpecs"]]
PODS = [JOB["spec"]["submitterPodTemplate"], *(group["template"] for group in GROUPS)]
CONTAINERS = [container for pod in PODS for container in pod["spec"]["containers"]]


@pytest.mark.parametrize("version", VERSIONS)
def test_its_pods_follow_the_schemas_of_every_supported_kubernetes_version(version):
    for pod in PODS:
        resource = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"} | pod["metadata"], "spec": pod["spec"]}
        kubernetes_validate.validate(resource, version, strict=True)


def test_its_pods_are_at_the_restricted_level_and_have_limits():
    for pod in PODS:
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        assert pod["spec"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["spec"]["automountServiceAccountToken"] is pod["spec"]["enableServiceLinks"] is False
    for container in CONTAINERS:
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"].keys() == {"requests", "limits"}


def test_its_version_of_ray_is_the_one_in_the_lock_and_its_image_is_ours():
    (ray,) = re.findall(r"^ray==(\S+)", (FOLDER / "requirements.txt").read_text(), re.M)
    assert CLUSTER["rayVersion"] == ray
    (image,) = {container["image"] for container in CONTAINERS}
    assert image == f"serving-patterns/batch-ray:{VERSION}"
    dockerfile = (FOLDER / "Dockerfile").read_text()
    assert f"-t {image} " in dockerfile
    assert f"FROM serving-patterns/batch:{VERSION}\n" in dockerfile


def test_its_command_is_one_that_the_program_takes():
    shell, option, script = shlex.split(JOB["spec"]["entrypoint"])
    words, success = script.split(" || ")
    assert (shell, option, words.split()[:3], success) == ("sh", "-c", ["python", "-m", "batch.ray"], "test $? = 3")
    context = get_command(app).make_context("ray", words.split()[3:])
    assert context.params["source"].startswith("s3://")


def test_ray_has_room_for_its_objects_and_uses_the_workers_cpus_alone():
    head, *workers = (group["rayStartParams"] for group in GROUPS)
    assert (head["num-cpus"], JOB["spec"]["entrypointNumCpus"]) == ("0", 0)
    for pod, group in zip(PODS[1:], (head, *workers), strict=True):
        sizes = {volume["name"]: volume["emptyDir"].get("sizeLimit") for volume in pod["spec"]["volumes"]}
        assert int(sizes["shm"].removesuffix("Mi")) << 20 > int(group["object-store-memory"])
