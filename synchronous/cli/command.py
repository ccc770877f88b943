"""The command line: image files in, one line of JSON per image out, in the order of the files.

Exit codes: 0 every image has a label; 1 some images have none; 2 the command, its stdin or its stdout is wrong;
3 the server did not answer.
"""

import argparse
import itertools
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from google.protobuf.message import DecodeError

from ..client import TRANSPORTS, Client, connect
from ..transport import Prediction, ServingError
from .batches import batches_of, in_order, paths_on_stdin

Answer = tuple[Path, Prediction | str]


def main() -> NoReturn:
    """Print one line of JSON per image. Failures go to stderr and to the exit code."""
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115 without stderr, its lines would go to stdout
    arguments = _parse()
    try:
        client = connect(arguments.format, arguments.target, arguments.model_name)
    except ValueError as error:
        _fail(2, error)
    try:
        with client:
            complete = _run(client, arguments)
    except ServingError as error:
        _fail(3, error)
    except KeyboardInterrupt:
        _end_by(signal.SIGINT)
    except BrokenPipeError:
        _end_by(signal.SIGPIPE)
    except OSError as error:
        _fail(2, f"stdin or stdout: {error.strerror or error}")
    sys.exit(0 if complete else 1)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"python -m {__package__.partition('.')[0]}.client", allow_abbrev=False)
    add = parser.add_argument
    add("files", nargs="*", type=Path, metavar="FILE", help="PNG, JPEG, GIF or BMP")
    add("--image-file", action="append", default=[], type=Path, metavar="FILE", help="the same, once per image")
    add("--stream", action="store_true", help="read paths from stdin, one per line, as they arrive")
    add("--format", choices=TRANSPORTS, default="grpc")
    add("--target", help="host, host:port or URL; else SERVING_GRPC, SERVING_REST or this machine")
    add("--model-name", default="digits")
    add("--timeout", type=float, default=5.0, help="seconds for each batch and its retries (5)")
    add("--batch-size", type=int, default=32, help="images in one request (32)")
    add("--concurrency", type=int, default=2, help="requests at a time (2)")
    add("--metadata", action="store_true", help="print the model's signatures instead")
    arguments = parser.parse_intermixed_args()
    if not (arguments.files or arguments.image_file or arguments.stream or arguments.metadata):
        parser.error("nothing to do: give files, --stream or --metadata")
    if sys.stdout is None or (arguments.stream and sys.stdin is None):
        parser.error("stdout, and with --stream stdin, must be open")
    if not 0 < arguments.timeout <= 3600:
        parser.error("--timeout must be above 0 and at most 3600 seconds")
    if not arguments.model_name.isprintable():  # Python reads bytes that are not UTF-8 as halves of surrogate pairs
        parser.error("--model-name must be printable text in UTF-8")
    if min(arguments.batch_size, arguments.concurrency) < 1:
        parser.error("--batch-size and --concurrency must be at least 1")
    return arguments


def _run(client: Client, arguments: argparse.Namespace) -> bool:
    """Carry out the command; return whether every image has a label."""
    if arguments.metadata:
        try:
            print(json.dumps(client.metadata(arguments.timeout)), flush=True)
        except (KeyError, TypeError, DecodeError) as error:
            raise ServingError("UNKNOWN", f"the answer has no readable signature_def: {error}") from error
        return True
    files = [*arguments.image_file, *arguments.files]
    sources = itertools.chain([files], paths_on_stdin() if arguments.stream else [])
    batches = batches_of(arguments.batch_size, sources)
    answers = in_order(lambda batch: _predict(client, batch, arguments.timeout), batches, arguments.concurrency)
    return _print(itertools.chain.from_iterable(answers), None if arguments.stream else len(files))


def _fail(code: int, reason: object) -> NoReturn:
    print(f"error: {reason}", file=sys.stderr)
    sys.exit(code)


def _end_by(number: signal.Signals) -> NoReturn:
    """End by the signal itself: at once, whatever the threads are waiting for, and with a status that shells know."""
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
    raise SystemExit(128 + number)  # where the signal is blocked


def _predict(client: Client, files: list[Path], timeout: float) -> list[Answer]:
    """Read one batch, and send the files that could be read."""
    contents = [_read(file) for file in files]
    images = [content for content in contents if isinstance(content, bytes)]
    answers = iter(client.predict(images, timeout) if images else [])
    found = (next(answers) if isinstance(content, bytes) else content for content in contents)
    return [(file, str(a) if isinstance(a, ServingError) else a) for file, a in zip(files, found, strict=True)]


def _read(file: Path) -> bytes | str:
    """Return the image, or the reason why it cannot be read."""
    try:
        return file.read_bytes() or "the file is empty"
    except OSError as error:
        return error.strerror or str(error)
    except ValueError as error:  # a path with a zero byte
        return str(error)


def _print(answers: Iterable[Answer], total: int | None) -> bool:
    """Print the answers as they arrive; return whether all are predictions."""
    complete = True
    with _progress(total) as advance:
        for file, answer in answers:
            if isinstance(answer, str):
                complete = False
                print(f"error: {file}: {answer}", file=sys.stderr)
            fields = {"error": answer} if isinstance(answer, str) else vars(answer)
            print(json.dumps({"file": str(file), **fields}), flush=True)
            advance()
    return complete


@contextmanager
def _progress(total: int | None) -> Iterator[Callable[[], None]]:
    """Show a progress bar if stderr is a terminal and stdout is not, where it would break up the answers."""
    if not sys.stderr.isatty() or sys.stdout.isatty():
        yield lambda: None
        return
    from rich.console import Console  # not at the top: only the bar needs it
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), redirect_stdout=False) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)
