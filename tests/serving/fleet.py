"""A server of many models, whose folders and configuration the tests change while it runs."""

import os
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc

from local.processes import Program, wait_until
from local.servers import answers, free_port
from serving.messages import predict_pb2, prediction_service_pb2_grpc, types_pb2

POLL = 0.1
METRICS = "/monitoring/prometheus/metrics"


@dataclass
class Fleet:
    """The running server. Every test adds models of its own."""

    program: Program
    folder: Path
    saved_models: Path
    http: httpx.Client
    channel: grpc.Channel
    models: dict[str, str] = field(default_factory=dict)

    def configure(self, **models: str | None) -> None:
        """Add models to the configuration file, change them, or remove them (None). The text holds further fields."""
        self.models = {name: more for name, more in {**self.models, **models}.items() if more is not None}
        write_config(self.folder, self.models)

    def put(self, name: str, version: int, model: str) -> Path:
        """Put a copy of a saved model in place as a version, in one atomic step."""
        copy, place = self.folder / f"{name}.copy", self.folder / name / str(version)
        shutil.copytree(self.saved_models / model, copy)
        place.parent.mkdir(exist_ok=True)
        return copy.rename(place)

    def serve(self, name: str, more: str = "", **versions: str) -> None:
        """Configure a model with versions such as v1="marked/1", and wait until the highest is available."""
        for version, model in versions.items():
            self.put(name, int(version[1:]), model)
        self.configure(**{name: more})
        self.wait(name, AVAILABLE=max(int(version[1:]) for version in versions))

    def status(self, name: str, rest: str = "") -> list[dict]:
        return self.http.get(f"/v1/models/{name}{rest}").json().get("model_version_status", [])

    def states(self, name: str) -> dict[int, str]:
        return {int(version["version"]): version["state"] for version in self.status(name)}

    def wait(self, name: str, **states: int) -> None:
        """Wait until versions are in these states, such as AVAILABLE=2."""
        wanted = {version: state for state, version in states.items()}
        wait_until(
            lambda: wanted.items() <= self.states(name).items(), 120, f"{name} {wanted}, not {self.status(name)}"
        )

    def predict(self, name: str, **spec) -> predict_pb2.PredictResponse:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = name
        if "version" in spec:
            request.model_spec.version.value = spec["version"]
        if "label" in spec:
            request.model_spec.version_label = spec["label"]
        x = request.inputs["x"]
        x.dtype, x.float_val[:] = types_pb2.DT_FLOAT, [0.0]
        x.tensor_shape.dim.add(size=1)
        return prediction_service_pb2_grpc.PredictionServiceStub(self.channel).Predict(request, timeout=120)

    def mark(self, name: str, **spec) -> tuple[int, int]:
        """Return the number that the model answers with, and the version in the response."""
        response = self.predict(name, **spec)
        return int(response.outputs["mark"].float_val[0]), response.model_spec.version.value

    def rest_mark(self, name: str, rest: str = "") -> int:
        answer = self.http.post(f"/v1/models/{name}{rest}:predict", json={"instances": [0.0]})
        assert answer.status_code == 200, answer.text
        return int(answer.json()["predictions"][0])

    def health(self) -> int:
        request = health_pb2.HealthCheckRequest()
        return health_pb2_grpc.HealthStub(self.channel).Check(request, timeout=120).status

    def metrics(self) -> dict[str, float]:
        """Return every sample by its name and labels, as the page shows them."""
        lines = [line for line in self.http.get(METRICS).text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def write_config(folder: Path, models: dict[str, str]) -> Path:
    """Write `folder`/models.config with these models."""
    text = "\n".join(
        f'config {{ name: "{name}" base_path: "{folder / name}" model_platform: "tensorflow" {more} }}'
        for name, more in models.items()
    )
    return replace_text(folder / "models.config", f"model_config_list {{\n{text}\n}}\n")


def replace_text(path: Path, text: str) -> Path:
    """Write a file in one atomic step: a server that reads an empty configuration unloads all its models."""
    path.with_suffix(".new").write_text(text)
    return path.with_suffix(".new").rename(path)


def launch(folder: Path, saved_models: Path) -> Fleet:
    """Start the server with one model, `first`, and wait until it answers."""
    port, rest = free_port(), free_port()
    url = f"http://127.0.0.1:{rest}"
    (folder / "monitoring.config").write_text("prometheus_config { enable: true }")
    flags = [f"--port={port}", f"--rest_api_port={rest}", f"--file_system_poll_wait_seconds={POLL}"]
    flags += [f"--model_config_file={folder / 'models.config'}", f"--model_config_file_poll_wait_seconds={POLL}"]
    flags += [f"--monitoring_config_file={folder / 'monitoring.config'}"]
    argv = [sys.executable, "-m", "serving", *flags]
    shutil.copytree(saved_models / "marked" / "1", folder / "first" / "1")
    write_config(folder, {"first": ""})
    env = {"TF_NUM_INTEROP_THREADS": "4"}  # each call that waits occupies one
    program = Program("fleet", argv, lambda: answers(f"{url}/v1/models/first"), folder / "log", env)
    program.wait_ready()
    http = httpx.Client(base_url=url, timeout=120)
    return Fleet(program, folder, saved_models, http, grpc.insecure_channel(f"127.0.0.1:{port}"), {"first": ""})


def resident_megabytes(pid: int) -> float:
    """Return the resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
