"""The images and the services in docker-compose.yml, for the tests that compare both with k8s/."""

import importlib
import re
import tomllib

import yaml
from pydantic_settings import BaseSettings

from local.processes import ROOT

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
PATTERNS = {"web-single": "web_single", "serving": "synchronous", "asynchronous": "asynchronous", "batch": "batch"}
DOCKERFILES = sorted(ROOT.glob("*/Dockerfile*"))
BASES = {"python:3.11-slim-bookworm", "tensorflow/serving:2.19.1"}
# Third-party images that this repository runs unchanged, with the port that each listens on.
SERVERS = {"redis:7-bookworm": 6379, "mysql:9.7": 3306, "prom/prometheus:v3.5.0": 9090, "grafana/grafana:12.2.1": 3000}
SERVERS |= {"haproxy:3.2-alpine": 8443}
# Variables that are documented elsewhere: by the images of MySQL and Grafana, and by gunicorn.
SERVER_VARIABLES = {"MYSQL_DATABASE", "MYSQL_USER", "MYSQL_PASSWORD_FILE", "MYSQL_ROOT_PASSWORD_FILE"}
SERVER_VARIABLES |= {"GF_SECURITY_ADMIN_PASSWORD__FILE", "GF_AUTH_ANONYMOUS_ENABLED", "GF_ANALYTICS_REPORTING_ENABLED"}
SERVER_VARIABLES |= set(re.findall(r"presetenv (\w+)", (ROOT / "gateway" / "haproxy.cfg").read_text()))
GUNICORN_VARIABLES = {"WEB_CONCURRENCY"}
UVICORN_VARIABLES = {"UVICORN_HTTP"}

COMPOSE_FILE, EXAMPLE = ROOT / "docker-compose.yml", ROOT / ".env.example"
VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")
COMPOSE = yaml.safe_load(VARIABLE.sub(r"\2", COMPOSE_FILE.read_text()))
SERVICES = COMPOSE["services"]
ONE_SHOT = {name for name, service in SERVICES.items() if service["restart"] == "no"}


def instructions(dockerfile):
    """Return the instructions of a Dockerfile as (name, rest), with the ARG defaults filled in."""
    text = re.sub(r"^#.*\n", "", dockerfile.read_text(), flags=re.M).replace("\\\n", "")
    for name, default in re.findall(r"^ARG (\w+)=(\S+)", text, re.M):
        text = text.replace(f"${{{name}}}", default)
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


def dockerfile(image):
    """Return the Dockerfile of one of our own images."""
    return next(path for path in DOCKERFILES if path.parent.name == PATTERNS[image.split("/")[1].split(":")[0]])


def exposed(image):
    if image in SERVERS:
        return {SERVERS[image]}
    return {int(port) for name, rest in instructions(dockerfile(image)) if name == "EXPOSE" for port in rest.split()}


def settings_fields(pattern):
    """The fields of a pattern's settings and of those that its optional folders bring."""
    files = [path for path in sorted((ROOT / pattern).rglob("*.py")) if "(BaseSettings)" in path.read_text()]
    paths = [path.relative_to(ROOT).with_suffix("") for path in files]
    found = [vars(importlib.import_module(".".join(path.parts))).values() for path in paths]
    classes = [kind for values in found for kind in values if isinstance(kind, type) and issubclass(kind, BaseSettings)]
    return {name: field for kind in classes for name, field in kind.model_fields.items()}


def wrong_variables(image, environment):
    """Return the variables of a container that its program does not know, and required variables that are missing."""
    if image in SERVERS:
        return set(environment) - SERVER_VARIABLES
    pattern = PATTERNS[image.split("/")[1].split(":")[0]]
    if pattern == "synchronous":
        return set(environment)
    fields = settings_fields(pattern)
    known = {(field.validation_alias or name).upper(): field.is_required() for name, field in fields.items()}
    missing = {name for name, required in known.items() if required} - set(environment)
    by_server = {"web_single": GUNICORN_VARIABLES, "asynchronous": UVICORN_VARIABLES}.get(pattern, set())
    return (set(environment) - set(known) - by_server) | missing
