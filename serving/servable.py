"""One SavedModel version in a TensorFlow session, which is what TensorFlow Serving runs it in."""

from collections.abc import Iterable
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf

from .batch_queues import Arrays
from .batching import Batcher
from .batching_parameters import BatchingParameters
from .errors import RequestRefused, invalid
from .messages import predict_pb2
from .tensors import from_proto, to_proto, type_name


class Servable:
    """A loaded SavedModel; safe to call from many threads.

    Raises:
        OSError, RuntimeError, ValueError, tf.errors.OpError: the folder holds no SavedModel that can be loaded.
    """

    def __init__(self, path: Path, batching: BatchingParameters | None = None) -> None:
        graph = tf.Graph()
        self._session = tf.compat.v1.Session(graph=graph)
        with graph.as_default():
            meta = tf.compat.v1.saved_model.loader.load(self._session, [tf.saved_model.SERVING], str(path))
        graph.finalize()
        self.signatures = dict(meta.signature_def)
        self._batcher = Batcher(self._run, batching) if batching else None

    def predict(self, request: predict_pb2.PredictRequest, timeout: float) -> predict_pb2.PredictResponse:
        """Answer `request` with every value written out, within `timeout` seconds."""
        signature = request.model_spec.signature_name or "serving_default"
        if signature not in self.signatures:
            message = f'Serving signature key "{signature}" not found.'
            raise RequestRefused(grpc.StatusCode.FAILED_PRECONDITION, message)
        try:
            inputs = {alias: from_proto(tensor, alias) for alias, tensor in request.inputs.items()}
        except ValueError as error:
            raise invalid(str(error)) from error
        outputs = self.run(signature, inputs, request.output_filter, timeout)
        response = predict_pb2.PredictResponse(outputs={alias: to_proto(array) for alias, array in outputs.items()})
        response.model_spec.signature_name = signature
        return response

    def run(self, signature: str, inputs: Arrays, wanted: Iterable[str], timeout: float) -> Arrays:
        """Run a known signature on arrays; `wanted` names the outputs, none of them means all."""
        run = self._batcher.run if self._batcher else self._run
        return run(signature, self._checked(signature, inputs), self._wanted(signature, list(wanted)), timeout)

    def close(self) -> None:
        """Answer what waits for a batch and give the memory back; no other call may be under way."""
        if self._batcher:
            self._batcher.close()
        self._session.close()

    def _run(self, signature: str, inputs: Arrays, wanted: Iterable[str], timeout: float) -> Arrays:
        known = self.signatures[signature]
        feeds = {known.inputs[alias].name: array for alias, array in inputs.items()}
        fetches = {alias: known.outputs[alias].name for alias in wanted}
        options = tf.compat.v1.RunOptions(timeout_in_ms=max(1, int(timeout * 1000)))
        try:
            results = self._session.run(fetches, feeds, options)
        except ValueError as error:  # a shape that the graph cannot take
            raise invalid(str(error)) from error
        except tf.errors.OpError as error:
            # The session wraps the kernel's own words in a Python traceback of where the graph was built.
            cause = error.__context__ if isinstance(error.__context__, tf.errors.OpError) else error
            code = next(code for code in grpc.StatusCode if code.value[0] == error.error_code)
            raise RequestRefused(code, cause.message) from error
        # The session hands out scalars as Python and numpy values.
        return {k: np.asarray(v, object if isinstance(v, bytes) else None) for k, v in results.items()}

    def _checked(self, signature: str, inputs: Arrays) -> Arrays:
        expected = self.signatures[signature].inputs
        missing, extra = set(expected) - set(inputs), set(inputs) - set(expected)
        if len(inputs) != len(expected):
            message = (
                f"input size does not match signature: {len(inputs)}!={len(expected)}. Sent extra: {_names(extra)}."
            )
            raise invalid(f"{message} Missing but required: {_names(missing)}.")
        if extra:
            message = f"input tensor alias not found in signature: {min(extra)}. Inputs expected to be in the set"
            raise invalid(f"{message} {_names(expected)}.")
        for alias, array in inputs.items():
            wanted, got = expected[alias].dtype, tf.as_dtype(array.dtype).as_datatype_enum
            if wanted != got:
                raise invalid(f"Expects {alias} to be {type_name(wanted)} but {type_name(got)} is provided")
        return inputs

    def _wanted(self, signature: str, aliases: list[str]) -> list[str]:
        outputs = self.signatures[signature].outputs
        for alias in aliases:
            if alias not in outputs:
                message = f"output tensor alias not found in signature: {alias} Outputs expected to be in the set"
                raise invalid(f"{message} {_names(outputs)}.")
            if aliases.count(alias) > 1:
                raise invalid(f"duplicate output tensor alias: {alias}")
        return aliases or sorted(outputs)


def _names(names: Iterable[str]) -> str:
    return f"{{{','.join(sorted(names))}}}"
