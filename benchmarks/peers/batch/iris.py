"""What the peers of batch have in common: the session, the labels, and what they print.

It runs in the environments of the peers, so it imports nothing of this repository.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnxruntime

LABELS = ("setosa", "versicolor", "virginica")


def model() -> Callable[..., Any]:
    """Return a function that maps an array of rows to their probabilities."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    run = onnxruntime.InferenceSession(os.environ["MODEL"], options).run
    return lambda rows: run(["probabilities"], {"float_input": rows})[0]


@contextmanager
def timed(rows: int) -> Iterator[None]:
    """Print the rows, the seconds that they took and the peak memory in megabytes as one line of JSON."""
    began = time.monotonic()
    yield
    seconds = time.monotonic() - began
    peak = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
    print(json.dumps({"rows": rows, "seconds": seconds, "megabytes": peak}))
