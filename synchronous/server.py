"""The embedded server: TensorFlow Serving's protocols, ports and flag names on any machine that runs Python.

    python -m synchronous.server --port=8500 --rest_api_port=8501 --model_name=digits --model_base_path=PATH

It serves the highest version in PATH. The parts are in `embedded/`; production runs tensorflow/serving (Dockerfile).
"""

import argparse
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import grpc
import uvicorn
from starlette.applications import Starlette

from .artifact import ArtifactRefused, open_artifact
from .embedded import batching_parameters

DRAIN_SECONDS = 5.0
# Defaults for what is read when the libraries load. Serving needs no Keras, whose import is a third of the start.
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2", "GRPC_VERBOSITY": "NONE", "TF_USE_LEGACY_KERAS": "1"}
log = logging.getLogger(__name__)


def parse_flags(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the flags, named as tensorflow_model_server names them; an unknown one is an error."""
    usage = "python -m synchronous.server --model_name=NAME --model_base_path=FOLDER [flags, see --help]"
    parser = argparse.ArgumentParser(usage=usage, allow_abbrev=False)
    flag = parser.add_argument
    flag("--model_name", required=True)
    flag("--model_base_path", required=True, type=Path, help="the folder that holds the version folders")
    flag("--port", type=_port, default=8500, help="gRPC (8500)")
    flag("--rest_api_port", type=_port, default=0, help="REST; 0, the default, is off")
    flag("--rest_api_timeout_in_ms", type=int, default=30_000, help="limit of one REST call (30000)")
    flag("--grpc_max_threads", type=int, default=4 * (os.cpu_count() or 1), help="gRPC calls at a time (4 per CPU)")
    flag("--enable_batching", type=_boolean, nargs="?", const=True, default=False, help="run requests together (false)")
    flag("--batching_parameters_file", type=batching_parameters.read, dest="batching", help="see batching.config")
    flag("--bind_address", default="127.0.0.1", help="not in TensorFlow Serving, which takes 0.0.0.0 (127.0.0.1)")
    flags = parser.parse_args(arguments)
    if flags.port == 0 or min(flags.rest_api_timeout_in_ms, flags.grpc_max_threads) < 1:
        parser.error("--port, --rest_api_timeout_in_ms and --grpc_max_threads must be at least 1")
    if flags.batching and not flags.enable_batching:
        parser.error("--batching_parameters_file is set without setting --enable_batching to true")
    if flags.enable_batching and not flags.batching:
        flags.batching = batching_parameters.BatchingParameters()
    return flags


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return text.lower() == "true"


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (0 to 65535)")
    return int(text)


@contextmanager
def listening(calls: grpc.Server, rest: Starlette, flags: argparse.Namespace) -> Iterator[None]:
    """Answer on both ports; at the end accept no more, and give calls in flight DRAIN_SECONDS.

    Raises:
        OSError, RuntimeError: a port is taken.
    """
    config = uvicorn.Config(rest, log_level="warning", timeout_graceful_shutdown=int(DRAIN_SECONDS), lifespan="off")
    http = uvicorn.Server(config)
    sockets = [socket.create_server((flags.bind_address, flags.rest_api_port))] if flags.rest_api_port else []
    calls.add_insecure_port(f"{flags.bind_address}:{flags.port}")
    thread = threading.Thread(target=http.run, args=[sockets], daemon=True)
    calls.start()
    thread.start()
    try:
        yield
    finally:
        http.should_exit = True
        calls.stop(DRAIN_SECONDS).wait()
        thread.join(DRAIN_SECONDS + 1)


def newest_version(base_path: Path) -> tuple[int, Path]:
    """Return the highest version in `base_path`; any SavedModel is served, but one with a manifest must match it.

    Raises:
        ArtifactRefused: there is none, or it is not what was built.
    """
    versions = [int(p.name) for p in base_path.glob("*") if p.name.isascii() and p.name.isdigit() and p.is_dir()]
    if not versions:
        raise ArtifactRefused(f"no versions found under base path {base_path}")
    path = base_path / str(max(versions))
    if (path / "manifest.json").exists():
        open_artifact(base_path, max(versions))
    return max(versions), path


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    flags = parse_flags()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        for port in filter(None, (flags.port, flags.rest_api_port)):
            socket.create_server((flags.bind_address, port)).close()  # a taken port is told now, not after the load
        version, path = newest_version(flags.model_base_path)
        serve(flags, version, path)
    except (ArtifactRefused, OSError, RuntimeError) as error:
        sys.exit(f"error: {error}")
    except SystemExit:
        os._exit(0)  # a call that outlived the drain is still inside TensorFlow; an ordinary exit would wait for it


def serve(flags: argparse.Namespace, version: int, path: Path) -> None:
    """Load, then listen, until the process is told to stop."""
    # Only now: these import TensorFlow, and a wrong flag or folder should not take seconds to be told.
    from .embedded import grpc_service, model, rest

    served = model.open_model(flags.model_name, version, path, flags.batching)
    calls = grpc_service.create_server(served, flags.grpc_max_threads)
    with listening(calls, rest.create_app(served, flags.rest_api_timeout_in_ms / 1000), flags):
        where = f"gRPC on {flags.bind_address}:{flags.port}, REST on port {flags.rest_api_port or 'none'}"
        log.info("%s version %d is served: %s", flags.model_name, version, where)
        threading.Event().wait()


if __name__ == "__main__":
    main()
