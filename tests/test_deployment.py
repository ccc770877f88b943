"""Offline checks of the Dockerfiles and docker-compose.yml, each alone and against the other."""

import re
import subprocess
import sys

import pytest

from local.processes import ROOT

from .containers import (
    BASES,
    COMPOSE,
    COMPOSE_FILE,
    DOCKERFILES,
    EXAMPLE,
    ONE_SHOT,
    PATTERNS,
    SERVERS,
    SERVICES,
    VARIABLE,
    VERSION,
    dockerfile,
    exposed,
    instructions,
    wrong_variables,
)

ADDED = {"callbacks", "gateway", "observability"}  # profiles in addition to those of the patterns
CLIENT = ROOT / "synchronous" / "Dockerfile.client"

# Dockerfiles


def test_there_is_a_dockerfile_for_each_pattern():
    assert {path.parent.name for path in DOCKERFILES} == {*PATTERNS.values(), "serving"}


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_image_is_pinned_and_unprivileged_and_has_a_health_check(path):
    lines = instructions(path)
    stages = {rest.split()[0] for name, rest in lines if name == "FROM"}
    assert stages <= BASES
    assert dict(lines)["USER"] == "10001:10001"
    for name, rest in lines:
        assert name not in {"CMD", "ENTRYPOINT"} or rest.startswith("[")
        assert "pip install" not in rest or "--no-deps --require-hashes" in rest
    assert dict(lines)["HEALTHCHECK"].endswith("]") or path == CLIENT
    assert "ORT_DISABLE_TELEMETRY=1" in path.read_text() or "iris" not in path.read_text()


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_image_has_labels_that_describe_it(path):
    labels = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]+)"', dict(instructions(path))["LABEL"]))
    assert labels.keys() == {"title", "version", "description", "licenses"}
    assert f"-t {labels['title']}:{labels['version']} " in path.read_text()
    assert labels["version"] == VERSION


@pytest.mark.parametrize("model", ["iris", "digits"])
def test_every_image_builds_a_model_with_the_same_steps_so_that_they_run_once(model):
    stages = set()
    for path in DOCKERFILES:
        _, *found = path.read_text().partition("AS model\n")
        stage = "".join(found).partition("\nFROM")[0]
        if f"models.{model}" in stage:
            stages.add(stage)
    assert len(stages) == 1


def modules(folder, name, seen=()):
    """Return a module and the modules of its folder that it imports."""
    imported = re.findall(
        r"^ *from \.(\w+) import|^from \. import (\w+)$", (ROOT / folder / f"{name}.py").read_text(), re.M
    )
    others = {one or other for one, other in imported} - {name, *seen}
    return {name}.union(*(modules(folder, other, {name, *seen}) for other in others))


@pytest.mark.parametrize("path", sorted({*DOCKERFILES} - {CLIENT}), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_model_is_built_from_exactly_the_modules_that_it_needs(path):
    stage = path.read_text().split("\nFROM")[1]
    (model,) = re.findall(r"python -m models\.(\w+)", stage)
    assert set(re.findall(r"models/(\w+)\.py", stage)) == modules("models", model) | {"__init__"}


def test_the_client_image_compiles_each_module_of_the_client():
    commands = re.findall(r'^RUN PYTHONPATH=/packages python -c "(.+)"', CLIENT.read_text(), re.M)
    code = f"import sys; {'; '.join(commands)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    files = [path.relative_to(ROOT).with_suffix("") for path in (ROOT / "synchronous").rglob("*.py")]
    files = [file for file in files if "tests" not in file.parts and file.name != "__main__"]  # that runs when imported
    names = {".".join(file.parts).removesuffix(".__init__") for file in files}
    assert names <= set(done.stdout.split())


# docker compose


def test_compose_follows_the_specification():
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE_FILE)]
    done = subprocess.run(check, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_each_pattern_has_a_profile_and_the_profile_all_has_every_pattern():
    profiles = {profile for service in SERVICES.values() for profile in service["profiles"]}
    assert profiles == {*PATTERNS.values(), "all", *ADDED}
    assert all("all" in service["profiles"] or service["profiles"][0] in ADDED for service in SERVICES.values())


@pytest.mark.parametrize("name", SERVICES)
def test_a_compose_service_has_few_privileges_and_a_memory_limit(name):
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


def test_a_compose_service_waits_for_its_dependencies_which_are_in_its_profiles():
    for service in SERVICES.values():
        for name, condition in service.get("depends_on", {}).items():
            assert set(service["profiles"]) <= set(SERVICES[name]["profiles"])
            ended = "service_completed_successfully" if name in ONE_SHOT else "service_healthy"
            assert condition["condition"] == ended


def test_a_service_waits_for_the_end_of_each_job_as_up_wait_requires():
    waited_for = {name for service in SERVICES.values() for name in service.get("depends_on", {})}
    assert waited_for >= ONE_SHOT


def test_the_example_environment_lists_every_variable_with_its_default():
    example = dict(re.findall(r"^(\w+)=(.*)$", EXAMPLE.read_text(), re.M))
    assert example == dict(VARIABLE.findall(COMPOSE_FILE.read_text()))


def test_make_secrets_writes_each_password_once_and_makes_it_readable_for_the_containers(tmp_path):
    scripts = ("local/secrets.sh", "local/passwords.sh", "gateway/secrets.sh", "gateway/key.sh")
    for name in ("Makefile", "local/development.mk", *scripts):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    written, folder = [], tmp_path / "secrets"
    for _ in range(2):
        subprocess.run(["make", "secrets"], cwd=tmp_path, check=True, capture_output=True)
        files = [path for path in folder.rglob("*") if path.is_file()]
        written.append({str(path.relative_to(folder)): path.read_text() for path in files})
    assert written[0] == written[1]
    assert written[0].keys() == {*COMPOSE["secrets"], "gateway/keys", "gateway/tls.crt", "gateway/tls.key"}
    assert [path.stat().st_mode & 0o777 for path in (folder, folder / "gateway")] == [0o700, 0o755]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o644}
