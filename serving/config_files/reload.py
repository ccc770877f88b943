"""ModelService's HandleReloadConfigRequest: another configuration, over gRPC."""

import grpc
from tensorflow_serving.apis import model_management_pb2

from ..catalogue import Catalogue
from ..errors import ConfigRefused, RequestRefused, invalid
from .config import models_in

ReloadConfigRequest = model_management_pb2.ReloadConfigRequest


def reload(
    catalogue: Catalogue, request: model_management_pb2.ReloadConfigRequest, timeout: float
) -> model_management_pb2.ReloadConfigResponse:
    """Replace the configuration, and return when its new models are served.

    Raises:
        RequestRefused: the configuration is invalid, or a new model failed or is not served within `timeout` seconds.
    """
    if request.config.WhichOneof("config") != "model_config_list":
        message = "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently"
        raise invalid(f"{message} supported")
    try:
        models = models_in(request.config)
    except ConfigRefused as error:
        raise invalid(str(error)) from error
    new = {model.name for model in models} - set(catalogue.models)
    catalogue.configure(models)
    with catalogue.changed:
        catalogue.changed.wait_for(lambda: all(_tried(catalogue, name) for name in new), timeout)
        unserved = [name for name in new if not catalogue.available(name)]
    if unserved:
        message = f"{len(unserved)} model(s) did not become available: {{{', '.join(sorted(unserved))}}}"
        raise RequestRefused(grpc.StatusCode.UNKNOWN, message)
    response = model_management_pb2.ReloadConfigResponse()
    response.status.SetInParent()
    return response


def _tried(catalogue: Catalogue, name: str) -> bool:
    failed = any(version.error for version in catalogue.versions(name).values())
    return failed or bool(catalogue.available(name))
