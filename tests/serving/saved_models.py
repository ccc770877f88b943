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
    """Answers when a file exists: `image` holds a path P. It writes P.started and waits for P.release.

    If P ends with "forever", it waits for an empty queue instead, which takes no processor time.
    """

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "image")])
    def serve(self, image):
        tf.io.write_file(image[0] + ".started", "")
        if tf.strings.regex_full_match(image[0], ".*forever"):
            empty = tf.raw_ops.FIFOQueueV2(component_types=[tf.bool], shared_name="empty")
            tf.raw_ops.QueueDequeueV2(handle=empty, component_types=[tf.bool])
        end = tf.timestamp() + 240

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


def save_with_examples(folder):
    """Save signatures that read tf.Example messages with a feature x; y is x / 2 + 2, and a second one, y - 1."""
    v1, kinds = tf.compat.v1, tf.compat.v1.saved_model.signature_constants
    info, define = v1.saved_model.build_tensor_info, v1.saved_model.build_signature_def
    with tf.Graph().as_default(), v1.Session() as session:
        examples, others = (v1.placeholder(tf.string, [None], name) for name in ("examples", "others"))
        y = tf.io.parse_example(examples, {"x": tf.io.FixedLenFeature([1], tf.float32)})["x"] / 2 + 2
        scores, classes = tf.concat([y, y - 1], 1), tf.tile([["high", "l\xf6w"]], [tf.shape(y)[0], 1])
        outputs = {"classes": info(classes), "scores": info(scores)}
        inputs, y_info = {"inputs": info(examples)}, info(y)
        signatures = {"serving_default": define({"x": info(examples)}, {"y": y_info}, kinds.PREDICT_METHOD_NAME)}
        for name, method, chosen in (
            ("classify", kinds.CLASSIFY_METHOD_NAME, outputs),
            ("classes", kinds.PREDICT_METHOD_NAME, {"classes": outputs["classes"]}),
            ("scores", kinds.CLASSIFY_METHOD_NAME, {"scores": outputs["scores"]}),
            ("regress", kinds.REGRESS_METHOD_NAME, {"outputs": y_info}),
            ("wide", kinds.REGRESS_METHOD_NAME, {"outputs": outputs["scores"]}),
            ("one", kinds.REGRESS_METHOD_NAME, {"outputs": info(y[:1])}),
            ("flat", kinds.CLASSIFY_METHOD_NAME, {"scores": info(y[:, 0])}),
            ("text", kinds.CLASSIFY_METHOD_NAME, {"scores": outputs["classes"]}),
            ("unequal", kinds.CLASSIFY_METHOD_NAME, {"classes": outputs["classes"], "scores": y_info}),
            ("neither", kinds.CLASSIFY_METHOD_NAME, {"probabilities": outputs["scores"]}),
        ):
            signatures[name] = define(inputs, chosen, method)
        other = {"inputs": info(others)}
        signatures["other"] = define(other, {"outputs": info(tf.strings.to_number(others))}, kinds.REGRESS_METHOD_NAME)
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, ["serve"], signatures)
        builder.save()


def save_with_tag(folder):
    """Save y = x * scale under the tag "other", with a default for scale, and a warm-up request that fails."""
    v1 = tf.compat.v1
    info = v1.saved_model.build_tensor_info
    with tf.Graph().as_default(), v1.Session() as session:
        x, scale = v1.placeholder(tf.float32, [None], "x"), v1.placeholder(tf.float32, [], "scale")
        inputs, outputs = {"x": info(x), "scale": info(scale)}, {"y": info(x * scale)}
        scaled = v1.saved_model.build_signature_def(inputs, outputs, "tensorflow/serving/predict")
        scaled.defaults["scale"].CopyFrom(tf.make_tensor_proto(2.0))
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, ["other"], {"scaled": scaled})
        builder.save()
    save_warm_up(folder, [("none", {})])


def save_warm_up(folder, requests, *others):
    """Record requests to signatures, (signature, inputs) each, and other records."""
    (folder / "assets.extra").mkdir()
    with tf.io.TFRecordWriter(str(folder / "assets.extra" / "tf_serving_warmup_requests")) as records:
        for other in others:
            records.write(other.SerializeToString())
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
    save_with_tag(folder / "tagged" / "1")
    save_with_examples(folder / "examples" / "1")
    classify, regress, session = (prediction_log_pb2.PredictionLog() for _ in range(3))
    classify.classify_log.request.model_spec.signature_name = "classify"
    regress.regress_log.request.model_spec.signature_name = "regress"
    for request in classify.classify_log.request, regress.regress_log.request:
        request.input.example_list.examples.add().features.feature["x"].float_list.value.append(1)
    save_with_examples(folder / "replayed")
    save_warm_up(folder / "replayed", [], classify, regress)
    session.session_run_log.SetInParent()
    save(Marked(9), folder / "unknown_record")
    save_warm_up(folder / "unknown_record", [], session)
    save(Marked(9), folder / "many_records")
    save_warm_up(folder / "many_records", [("", {"x": [1.0]})] * 1001)
    save_with_keras(folder / "keras")
    save_as_tensorflow_1_does(folder / "tensorflow_1")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
