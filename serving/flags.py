"""The flags, named as tensorflow_model_server names them, and the files that flags name."""

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from google.protobuf import text_format

from .errors import ConfigRefused
from .other_flags import add_other_flags

Flags = argparse.Namespace
PROGRAM = f"python -m {__package__}"
USAGE = f"{PROGRAM} --model_name=NAME --model_base_path=FOLDER [--FLAG=VALUE ...]   (--help lists all)"


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return text.lower() in ("true", "1")


BOOLEAN: dict[str, Any] = {"type": _boolean, "nargs": "?", "const": True, "default": False}


class FlagParser(argparse.ArgumentParser):
    """Reads the flags. Optional folders add flags and checks, and one adds another source of models."""

    def __init__(self) -> None:
        super().__init__(prog=PROGRAM, usage=USAGE, allow_abbrev=False)
        self.checks: list[Callable[[Flags], str | None]] = [self._check]  # each returns what is wrong, or None
        self.model_sources = ["model_base_path"]
        flag = self.add_argument
        flag("--model_name", help="the model's name in requests (default)")
        flag("--model_base_path", type=Path, help="the folder that holds the model's version folders")
        flag("--file_system_poll_wait_seconds", type=seconds, default=1, help="look for versions; 0: once (1)")
        flag("--port", type=_port, default=8500, help="gRPC (8500)")
        flag("--rest_api_port", type=_port, default=0, help="REST; 0, the default, is off")
        flag("--rest_api_num_threads", type=int, default=40, help="REST calls at a time (40)")
        flag("--rest_api_enable_cors_support", **BOOLEAN, help="pages of other origins may ask (false)")
        flag("--rest_api_timeout_in_ms", type=int, default=30_000, help="limit of one REST call (30000)")
        flag("--grpc_max_threads", type=int, default=4 * (os.cpu_count() or 1), help="gRPC calls at a time (4 per CPU)")
        flag("--bind_address", default="127.0.0.1", help="not in TensorFlow Serving, which uses 0.0.0.0 (127.0.0.1)")
        flag("--saved_model_tags", type=_tags, default=["serve"], help="of the graph to load from a SavedModel (serve)")
        flag("--enable_model_warmup", **{**BOOLEAN, "default": True}, help="run the recorded requests first (true)")
        add_other_flags(self)

    def parse(self, arguments: Sequence[str] | None = None) -> Flags:
        """Return the flags; exit with code 2 for an unknown flag, a wrong value or a contradiction."""
        flags = self.parse_args(arguments)
        for check in self.checks:
            if problem := check(flags):
                self.error(problem)
        flags.model_name = flags.model_name or "default"
        return flags

    def _check(self, flags: Flags) -> str | None:
        """Return what is wrong with flags that are each valid on their own."""
        for name in ("port", "rest_api_timeout_in_ms", "rest_api_num_threads", "grpc_max_threads"):
            if getattr(flags, name) < 1:
                return f"--{name} must be at least 1"
        if flags.port == flags.rest_api_port:
            return "--rest_api_port cannot be the same as --port"
        if not any(getattr(flags, source) for source in self.model_sources):
            return " or ".join(f"--{source}" for source in self.model_sources) + " is required"
        return None


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (0 to 65535)")
    return int(text)


def _tags(text: str) -> list[str]:
    return [tag for tag in text.split(",") if tag]


def seconds(text: str) -> float:
    """Return a number of seconds. TensorFlow Serving takes integers, and with a negative value it never serves."""
    value = float(text)
    if not 0 <= value <= 86_400:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds from 0 to 86400")
    return value


def read_file(path: Path, message: Any) -> None:
    """Parse a file, which is a protobuf in text format, into `message`.

    Raises:
        ConfigRefused: the file cannot be read, or does not hold such a message.
    """
    try:
        text_format.Parse(path.read_text(), message)
    except text_format.ParseError as error:  # in the two parts that TensorFlow Serving writes
        reason = f"Error parsing text-format {message.DESCRIPTOR.full_name}: {error}"
        raise ConfigRefused(f"Invalid protobuf file: '{path}': {reason}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigRefused(
            f"{path} cannot be read: {error.strerror if isinstance(error, OSError) else error}"
        ) from error
