"""The baseline: a SavedModel's bare signature, called in a process of its own with an image that is in memory.

    python -m benchmarks.synchronous.baseline SAVED_MODEL IMAGE_FILE

For each line "BATCH CALLS" on stdin it writes one line of JSON: the seconds that each call took.
"""

import json
import sys
import time
from pathlib import Path

import tensorflow as tf


def main(folder: str, file: str) -> None:
    model, image = tf.saved_model.load(folder), Path(file).read_bytes()  # the model holds what its signatures need
    signature = model.signatures["serving_default"]
    print("ready", flush=True)
    for line in sys.stdin:
        batch, calls = map(int, line.split())
        took = []
        for _ in range(calls):
            began = time.perf_counter()
            signature(tf.constant([image] * batch))
            took.append(time.perf_counter() - began)
        print(json.dumps(took), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
