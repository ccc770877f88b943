"""The flags of TensorFlow Serving that this server accepts and ignores, or refuses, each with its reason."""

import argparse
from typing import Any

# They change the speed or the memory of a server, but no answer.
IGNORED = ["enable_grpc_healthcheck_service", "enable_profiler", "flush_filesystem_caches", "num_load_threads"]
IGNORED += ["num_request_iterations_for_warmup", "num_tflite_interpreters_per_pool", "num_tflite_pools"]
IGNORED += ["num_unload_threads", "per_process_gpu_memory_fraction", "remove_unused_fields_from_bundle_metagraph"]
IGNORED += ["skip_initialize_tpu", "tensorflow_inter_op_parallelism", "tensorflow_intra_op_parallelism"]
IGNORED += ["tensorflow_session_parallelism"]
REFUSED = {
    "enable_serialization_as_tensor_content": "outputs are always in typed fields such as float_val",
    "enable_signature_method_name_check": "the method name of a signature is not checked",
    "load_retry_interval_micros": "a version that failed is loaded again when its files change",
    "max_num_load_retries": "a version that failed is loaded again when its files change",
    "mixed_precision": "a model is run with the types that it was saved with",
    "platform_config_file": "only SavedModels on the CPU are served; use --enable_batching for batches",
    "prefer_tflite_model": "TensorFlow Lite models are not served",
    "tensorflow_session_config_file": "the session has no settings",
    "thread_pool_factory_config_file": "TensorFlow's own thread pools are used",
    "use_tflite_model": "TensorFlow Lite models are not served",
    "xla_cpu_compilation_enabled": "models are not compiled",
}
OFF = {"0", "false"}  # the values that a refused flag may have: the server behaves like this in any case


class _Refuse(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, space: Any, value: Any, option: str | None = None) -> None:
        if str(value).lower() not in OFF:
            parser.error(f"{option} is not supported: {REFUSED[self.dest]}")


def add_other_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that have no effect, and those that are refused unless they are off."""
    for name in IGNORED:
        parser.add_argument(f"--{name}", nargs="?", help=argparse.SUPPRESS)
    for name in REFUSED:
        parser.add_argument(f"--{name}", nargs="?", action=_Refuse, help=argparse.SUPPRESS)
