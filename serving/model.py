"""One version of a model: a SavedModel in a TensorFlow session, as in TensorFlow Serving."""

import ctypes
import gc
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tensorflow as tf

from .artifact import Artifact
from .errors import RequestRefused, invalid
from .hooks import Arrays, Run
from .messages import predict_pb2
from .tensors import from_proto, to_proto, type_name

_MALLOC_TRIM = getattr(ctypes.CDLL(None), "malloc_trim", lambda pad: 0)  # only glibc has it


class Model:
    """A loaded SavedModel, the graph that has exactly these `tags`; safe to use from many threads.

    Raises:
        OSError, RuntimeError, ValueError, tf.errors.OpError: the folder does not hold a SavedModel that loads.
    """

    def __init__(self, path: Path, tags: Sequence[str]) -> None:
        graph = tf.Graph()
        self._session = tf.compat.v1.Session(graph=graph)
        with graph.as_default():
            meta = tf.compat.v1.saved_model.loader.load(self._session, [*tags], str(path))
        self.signatures = dict(meta.signature_def)
        for signature in self.signatures.values():
            for name in (info.name for info in signature.inputs.values() if info.name):
                # The session would compare each feed with the shape in the graph. TensorFlow Serving does not.
                graph.get_tensor_by_name(name)._shape_val = tf.TensorShape(None)
        graph.finalize()
        self.execute: Run = self._execute  # optional folders may wrap it
        # By the kind of a record in the warm-up file: replays the recorded request within a number of seconds.
        self.replay: dict[str, Callable[[Any, float], object]] = {"predict_log": self.predict}
        self.before_close: list[Callable[[], None]] = []
        self.artifact: Artifact | None = None  # what was verified, if there is a manifest

    def predict(self, request: predict_pb2.PredictRequest, timeout: float) -> predict_pb2.PredictResponse:
        """Return the response to `request`, within `timeout` seconds."""
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
        """Run a known signature on arrays. `wanted` names the outputs; if it is empty, all are returned."""
        inputs, outputs = self._checked(signature, inputs), self._wanted(signature, list(wanted))
        return self.execute(signature, inputs, outputs, timeout)

    def close(self) -> None:
        """Close the session. No call may be in progress."""
        for close in self.before_close:
            close()
        self._session.close()

    def _execute(self, signature: str, inputs: Arrays, wanted: Iterable[str], timeout: float) -> Arrays:
        known = self.signatures[signature]
        feeds = {known.inputs[alias].name: array for alias, array in inputs.items()}
        return self.run_tensors(feeds, {alias: known.outputs[alias].name for alias in wanted}, timeout)

    def run_tensors(self, feeds: Arrays, fetches: Mapping[str, str], timeout: float) -> Arrays:
        """Run the graph on arrays by the names of its tensors; return arrays by the keys of `fetches`."""
        options = tf.compat.v1.RunOptions(timeout_in_ms=max(1, int(timeout * 1000)))
        try:
            results = self._session.run(dict(fetches), feeds, options)
        except ValueError as error:  # a shape that the graph cannot take
            raise invalid(str(error)) from error
        except tf.errors.OpError as error:
            # The session wraps the kernel's own message in a Python traceback of the code that built the graph.
            cause = error.__context__ if isinstance(error.__context__, tf.errors.OpError) else error
            code = next(code for code in grpc.StatusCode if code.value[0] == error.error_code)
            raise RequestRefused(code, cause.message) from error
        # The session returns scalars as Python and numpy values.
        return {k: np.asarray(v, object if isinstance(v, bytes) else None) for k, v in results.items()}

    def _checked(self, signature: str, inputs: Arrays) -> Arrays:
        expected, defaults = self.signatures[signature].inputs, self.signatures[signature].defaults
        inputs = {alias: from_proto(defaults[alias], alias) for alias in defaults if alias not in inputs} | {**inputs}
        if len(inputs) != len(expected):
            missing, extra = set(expected) - set(inputs), set(inputs) - set(expected)
            sizes = f"{len(inputs)}!={len(expected)} len({_names(inputs)}) != len({_names(expected)})"
            message = f"input size does not match signature: {sizes}. Sent extra: {_names(extra)}."
            raise invalid(f"{message} Missing but required: {_names(missing)}.")
        if extra := set(inputs) - set(expected):
            message = f"input tensor alias not found in signature: {min(extra)}. Inputs expected to be in the set"
            raise invalid(f"{message} {_names(expected)}.")
        for alias, array in inputs.items():
            wanted, got = expected[alias].dtype, tf.as_dtype(array.dtype).as_datatype_enum
            if wanted != got:
                # The runtime numbers the inputs in the order of their tensors.
                number = sorted(info.name for info in expected.values()).index(expected[alias].name)
                raise invalid(f"Expects arg[{number}] to be {type_name(wanted)} but {type_name(got)} is provided")
        return inputs

    def _wanted(self, signature: str, aliases: list[str]) -> list[str]:
        outputs = self.signatures[signature].outputs
        for alias in aliases:
            if alias not in outputs:
                message = f"output tensor alias not found in signature: {alias} Outputs expected to be in the set"
                raise invalid(f"{message} {_names(outputs)}.")
            if aliases.count(alias) > 1:
                raise invalid(f"duplicate output tensor alias: {alias}")
        for alias in aliases or outputs:
            if not outputs[alias].dtype:  # an operation without a result, such as the one that initialises the model
                message = f"FetchOutputs {outputs[alias].name}:0: output index too large, must be < 0"
                raise invalid(message)
        return aliases or sorted(outputs)


def release_memory() -> None:
    """Return the memory of models that are closed and not referenced any more to the system."""
    gc.collect()  # a graph is full of reference cycles
    _MALLOC_TRIM(0)  # glibc would keep what was freed for the thread that loaded the model


def _names(names: Iterable[str]) -> str:
    return f"{{{','.join(sorted(names))}}}"
