"""Writes the SavedModels that the embedded server's tests serve: python saved_models.py FOLDER.

A program of its own, so that the tests' process never imports TensorFlow.
"""

import sys
from pathlib import Path

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

TYPES = ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
TYPES += ["float16", "bfloat16", "float32", "float64", "complex64", "complex128", "string"]


class Sample(tf.Module):
    def __init__(self):
        super().__init__()
        self.calls = tf.Variable(0)

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, "pair"), tf.TensorSpec([None], tf.int64, "n")])
    def two_inputs(self, pair, n):
        return {"total": tf.reduce_sum(pair, axis=1), "twice": 2 * n}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
    def strings(self, text):
        return {"text": tf.strings.upper(text), "image_bytes": text}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def mean(self, x):
        return {"mean": tf.reduce_mean(x)}

    @tf.function(input_signature=[])
    def count(self):
        return {"calls": self.calls.assign_add(1)[tf.newaxis]}


class Hold(tf.Module):
    """Answers only when a file is there: `image` holds a path P; it writes P.started and waits for P.release."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "image")])
    def serve(self, image):
        tf.io.write_file(image[0] + ".started", "")
        end = tf.timestamp() + 60

        def waiting():
            return tf.logical_and(tf.size(tf.io.matching_files(image[0] + ".release")) == 0, tf.timestamp() < end)

        while waiting():
            pass
        return {"label": image, "probability": tf.ones([tf.size(image)])}


def echo(dtype):
    return tf.function(lambda x: {"y": tf.identity(x)}, input_signature=[tf.TensorSpec(None, dtype, "x")])


def main(folder: Path) -> None:
    sample = Sample()
    sample.echoes = {f"echo_{name}": echo(name) for name in TYPES}
    signatures = {"serving_default": sample.two_inputs, "strings": sample.strings, "mean": sample.mean}
    signatures |= {"count": sample.count, **sample.echoes}
    tf.saved_model.save(sample, str(folder / "sample" / "10"), signatures=signatures)
    (folder / "sample" / "9").mkdir()  # not the newest, although it sorts after 10 as text
    extra = folder / "sample" / "10" / "assets.extra"
    extra.mkdir()
    with tf.io.TFRecordWriter(str(extra / "tf_serving_warmup_requests")) as records:
        log = prediction_log_pb2.PredictionLog()
        log.predict_log.request.model_spec.signature_name = "count"
        records.write(log.SerializeToString())
    hold = Hold()
    tf.saved_model.save(hold, str(folder / "hold" / "1"), signatures={"serving_default": hold.serve})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
