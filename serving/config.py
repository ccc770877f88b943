"""TensorFlow Serving's configuration files, text-format protobufs, as plain descriptions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from tensorflow_serving.config import model_server_config_pb2

from .versions import Policy

METRICS_PATH = "/monitoring/prometheus/metrics"


class ConfigRefused(Exception):
    """A configuration file cannot be read or makes no sense; the message names the file and what is wrong with it."""


@dataclass(frozen=True)
class ModelConfig:
    """One model to serve: its name, the folder of its versions, which of them, and labels for some."""

    name: str
    base_path: Path
    policy: Policy = field(default_factory=Policy)
    labels: Mapping[str, int] = field(default_factory=dict)


def read_models(path: Path) -> list[ModelConfig]:
    """Return the models of a `--model_config_file`."""
    config = model_server_config_pb2.ModelServerConfig()
    _parse(path, config)
    try:
        return models_in(config)
    except ConfigRefused as error:
        raise ConfigRefused(f"{path}: {error}") from error


def models_in(config: model_server_config_pb2.ModelServerConfig) -> list[ModelConfig]:
    """Return the models of a configuration, checked as TensorFlow Serving checks it."""
    if config.WhichOneof("config") != "model_config_list":
        raise ConfigRefused("only a model_config_list is supported")
    models = [_model(model) for model in config.model_config_list.config]
    names = [model.name for model in models]
    for name in names:
        if names.count(name) > 1:
            raise ConfigRefused(f"Illegal to list model {name} multiple times in config list")
    return models


def _model(model: model_server_config_pb2.ModelConfig) -> ModelConfig:
    if not model.name:
        raise ConfigRefused("a model has no name")
    if model.model_platform != "tensorflow":
        raise ConfigRefused(f"model_platform of {model.name} is {model.model_platform!r}, must be 'tensorflow'")
    if model.HasField("logging_config"):
        raise ConfigRefused(f"logging_config of {model.name} is not supported")
    base_path = Path(model.base_path)
    if not base_path.is_absolute():
        message = f"Expected model {model.name} to have an absolute path or URI; got base_path()={model.base_path}"
        raise ConfigRefused(message)
    return ModelConfig(model.name, base_path, _policy(model.model_version_policy), dict(model.version_labels))


def _policy(policy: Any) -> Policy:
    match policy.WhichOneof("policy_choice"):
        case "all":
            return Policy(newest=None)
        case "specific":
            return Policy(specific=frozenset(policy.specific.versions))
        case _:
            return Policy(newest=max(1, policy.latest.num_versions))


def read_metrics_path(path: Path) -> str | None:
    """Return where a `--monitoring_config_file` puts the metrics, or None where it leaves them off."""
    config = _monitoring_config()
    _parse(path, config)
    prometheus = config.prometheus_config
    if prometheus.enable and prometheus.path and not prometheus.path.startswith("/"):
        raise ConfigRefused(f"{path}: path {prometheus.path!r} must begin with a slash")
    return (prometheus.path or METRICS_PATH) if prometheus.enable else None


def _monitoring_config() -> Any:
    """Build the one message that tensorflow-serving-api leaves out, so that protobuf's own parser reads the file."""
    file = descriptor_pb2.FileDescriptorProto(name="monitoring_config.proto", package="embedded", syntax="proto3")
    field = descriptor_pb2.FieldDescriptorProto
    prometheus = file.message_type.add(name="PrometheusConfig")
    prometheus.field.add(name="enable", number=1, type=field.TYPE_BOOL, label=field.LABEL_OPTIONAL)
    prometheus.field.add(name="path", number=2, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    file.message_type.add(name="MonitoringConfig").field.add(
        name="prometheus_config",
        number=1,
        type=field.TYPE_MESSAGE,
        label=field.LABEL_OPTIONAL,
        type_name=".embedded.PrometheusConfig",
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("embedded.MonitoringConfig"))()


def _parse(path: Path, message: Any) -> None:
    try:
        text_format.Parse(path.read_text(), message)
    except (OSError, UnicodeDecodeError, text_format.ParseError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigRefused(f"{path} cannot be read: {reason}") from error
