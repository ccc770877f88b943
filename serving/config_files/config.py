"""The file of `--model_config_file`: TensorFlow Serving's ModelServerConfig in protobuf's text format."""

from pathlib import Path
from typing import Any

from tensorflow_serving.config import model_server_config_pb2

from ..errors import ConfigRefused
from ..flags import read_file
from ..versions import ModelConfig, Policy


def read_models(path: Path) -> list[ModelConfig]:
    """Return the models of a `--model_config_file`."""
    config = model_server_config_pb2.ModelServerConfig()
    read_file(path, config)
    try:
        return models_in(config)
    except ConfigRefused as error:
        raise ConfigRefused(f"{path}: {error}") from error


def models_in(config: model_server_config_pb2.ModelServerConfig) -> list[ModelConfig]:
    """Return the models of a configuration, checked as TensorFlow Serving checks it. An empty one has no models."""
    if config.WhichOneof("config") == "custom_model_config":
        raise ConfigRefused("custom_model_config is not supported")
    models = [_model(model) for model in config.model_config_list.config]
    names = [model.name for model in models]
    for name in names:
        if names.count(name) > 1:
            raise ConfigRefused(f"Illegal to list model {name} multiple times in config list")
    return models


def _model(model: model_server_config_pb2.ModelConfig) -> ModelConfig:
    if not model.name:
        raise ConfigRefused("a model has no name")
    if (platform := _platform(model)) != "tensorflow":
        raise ConfigRefused(f"model_platform of {model.name} is {platform!r}, must be 'tensorflow'")
    if model.HasField("logging_config"):
        raise ConfigRefused(f"logging_config of {model.name} is not supported")
    base_path = Path(model.base_path)
    if not base_path.is_absolute():
        message = f"Expected model {model.name} to have an absolute path or URI; got base_path()={model.base_path}"
        raise ConfigRefused(message)
    return ModelConfig(model.name, base_path, _policy(model.model_version_policy), dict(model.version_labels))


def _platform(model: model_server_config_pb2.ModelConfig) -> str:
    """Return the platform. Old files name it with `model_type`, which is deprecated."""
    if model.model_type and model.model_platform:
        raise ConfigRefused("Illegal setting both ModelServerConfig::model_type (deprecated) and ::model_platform.")
    if not (model.model_type or model.model_platform):
        raise ConfigRefused("Illegal setting neither ModelServerConfig::model_type (deprecated) nor ::model_platform.")
    if model.model_type == model_server_config_pb2.TENSORFLOW:
        return "tensorflow"
    return str(model.model_platform or model_server_config_pb2.ModelType.Name(model.model_type))


def _policy(policy: Any) -> Policy:
    match policy.WhichOneof("policy_choice"):
        case "all":
            return Policy(newest=None)
        case "specific":
            return Policy(specific=frozenset(policy.specific.versions))
        case _:
            return Policy(newest=max(1, policy.latest.num_versions))
