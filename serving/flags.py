"""The embedded server's flags, named as tensorflow_model_server names them."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .batching_parameters import BatchingParameters, read

USAGE = "python -m serving {--model_name=NAME --model_base_path=FOLDER | --model_config_file=FILE} [see --help]"


def parse_flags(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the flags; an unknown one, a wrong value and a contradiction are errors."""
    parser = argparse.ArgumentParser(usage=USAGE, allow_abbrev=False)
    flag = parser.add_argument
    flag("--model_name", help="the name of the one model (default)")
    flag("--model_base_path", type=Path, help="the folder that holds its version folders")
    flag("--model_config_file", type=Path, help="several models, their versions and labels, in the place of these two")
    flag(
        "--model_config_file_poll_wait_seconds",
        type=_seconds,
        default=0,
        help="how often to read it again; 0: never (0)",
    )
    flag(
        "--file_system_poll_wait_seconds", type=_seconds, default=1, help="how often to look for versions; 0: once (1)"
    )
    flag(
        "--allow_version_labels_for_unavailable_models",
        **BOOLEAN,
        help="a new label may name a version before it is loaded, as it must at the start",
    )
    flag("--enable_batching", **BOOLEAN, help="run requests together (false)")
    flag("--batching_parameters_file", type=read, dest="batching", help="see batching.config")
    flag("--monitoring_config_file", type=Path, help="where Prometheus metrics are, on the REST port")
    flag("--port", type=_port, default=8500, help="gRPC (8500)")
    flag("--rest_api_port", type=_port, default=0, help="REST; 0, the default, is off")
    flag("--rest_api_timeout_in_ms", type=int, default=30_000, help="limit of one REST call (30000)")
    flag("--grpc_max_threads", type=int, default=4 * (os.cpu_count() or 1), help="gRPC calls at a time (4 per CPU)")
    flag("--bind_address", default="127.0.0.1", help="not in TensorFlow Serving, which takes 0.0.0.0 (127.0.0.1)")
    flags = parser.parse_args(arguments)
    if problem := _problem(flags):
        parser.error(problem)
    flags.model_name = flags.model_name or "default"
    if flags.enable_batching and not flags.batching:
        flags.batching = BatchingParameters()
    return flags


def _problem(flags: argparse.Namespace) -> str | None:
    """Return what is wrong with flags that are each right by themselves."""
    if flags.port == 0 or min(flags.rest_api_timeout_in_ms, flags.grpc_max_threads) < 1:
        return "--port, --rest_api_timeout_in_ms and --grpc_max_threads must be at least 1"
    if flags.port == flags.rest_api_port:
        return "--rest_api_port cannot be the same as --port"
    if flags.model_config_file and (flags.model_name or flags.model_base_path):  # TensorFlow Serving ignores the two
        return "--model_config_file goes without --model_name and --model_base_path"
    if not (flags.model_config_file or flags.model_base_path):
        return "--model_base_path or --model_config_file is required"
    if flags.model_config_file_poll_wait_seconds and not flags.model_config_file:
        return "--model_config_file_poll_wait_seconds goes with --model_config_file"
    if flags.batching and not flags.enable_batching:
        return "--batching_parameters_file is set without setting --enable_batching to true"
    if flags.monitoring_config_file and not flags.rest_api_port:
        return "--monitoring_config_file needs a --rest_api_port, on which the metrics are"
    return None


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (0 to 65535)")
    return int(text)


def _seconds(text: str) -> float:
    """Read whole seconds, as TensorFlow Serving takes them, or parts of one; its negative values never serve."""
    seconds = float(text)
    if not 0 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds from 0 to 86400")
    return seconds


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return text.lower() in ("true", "1")


BOOLEAN: dict[str, Any] = {"type": _boolean, "nargs": "?", "const": True, "default": False}
