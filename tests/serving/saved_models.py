"""Write the SavedModels that the server's tests serve: python saved_models.py FOLDER.

A separate program, so that the tests' process does not import TensorFlow.
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

    @tf.function(input_signature=[tf.TensorSpec([None, 1], tf.float32, "x")])
    def half_plus_two(self, x):
        return {"y": x / 2 + 2}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def mean(self, x):
        return {"mean": tf.reduce_mean(x)}

    @tf.function(input_signature=[])
    def count(self):
        return {"calls": self.calls.assign_add(1)[tf.newaxis]}


class Marked(tf.Module):
    """Answers with a number of its own, which shows a test which version answered. It holds `size` floats."""

    def __init__(self, mark, size=1):
        super().__init__()
        self.mark = tf.Variable(tf.fill([size], float(mark)))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def serve(self, x):
        return {"mark": tf.zeros_like(x) + self.mark[0]}


class Hold(tf.Module):
    """Answers when a file exists: `image` holds a path P. It writes P.started and waits for P.release."""

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


def save(module, folder, **signatures):
    tf.saved_model.save(module, str(folder), signatures=signatures or {"serving_default": module.serve})


def save_with_keras(folder):
    import keras

    inputs = keras.Input([2], name="pair")
    outputs = keras.layers.Dense(1, kernel_initializer="ones", name="total")(inputs)
    keras.Model(inputs, outputs).export(str(folder), verbose=False)


def save_as_tensorflow_1_does(folder):
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        pair = v1.placeholder(tf.float32, [None, 2], "pair")
        total = tf.reduce_sum(pair, axis=1, keepdims=True) * v1.get_variable("scale", initializer=1.0)
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(folder), {"pair": pair}, {"total": total})


def save_warm_up(folder, requests):
    """Record requests to signatures: (signature, images) each."""
    (folder / "assets.extra").mkdir()
    with tf.io.TFRecordWriter(str(folder / "assets.extra" / "tf_serving_warmup_requests")) as records:
        for signature, inputs in requests:
            log = prediction_log_pb2.PredictionLog()
            log.predict_log.request.model_spec.signature_name = signature
            for name, value in inputs.items():
                log.predict_log.request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
            records.write(log.SerializeToString())


def main(folder: Path) -> None:
    sample = Sample()
    sample.echoes = {f"echo_{name}": echo(name) for name in TYPES}
    signatures = {"serving_default": sample.two_inputs, "strings": sample.strings, "mean": sample.mean}
    signatures |= {"count": sample.count, "half_plus_two": sample.half_plus_two, **sample.echoes}
    save(sample, folder / "sample" / "10", **signatures)
    (folder / "sample" / "9").mkdir()  # not the newest, although it sorts after 10 as text
    save_warm_up(folder / "sample" / "10", [("count", {}), ("count", {})])
    save(Hold(), folder / "hold" / "1")
    for mark in range(1, 4):
        save(Marked(mark), folder / "marked" / str(mark))
    save(Marked(1, size=8_000_000), folder / "heavy")
    for name, requests in (("cold", [("other", {})]), ("slow", [("", {"image": [str(folder / "slow")]})])):
        save(Marked(9) if name == "cold" else Hold(), folder / name)
        save_warm_up(folder / name, requests)
    save_with_keras(folder / "keras")
    save_as_tensorflow_1_does(folder / "tensorflow_1")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
