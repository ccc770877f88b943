"""Keras models for TensorFlow Serving: rows of numbers, a table with text, sentences, and values."""

from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_diabetes

from ..package.keras_model import package_keras
from .example import Trained
from .tabular import FLOWERS, IRIS, customers


def example(name: str, model: keras.Model, rows: dict[str, Any], targets: Any, labels: list[str] | None) -> Trained:
    """Train a model a little, and return it as an example; every second row goes into its package."""
    model.compile("adam", "sparse_categorical_crossentropy" if labels else "mse")
    tensors = {key: keras.ops.convert_to_tensor(values) for key, values in rows.items()}
    model.fit(tensors, targets, epochs=2, verbose=0)
    kept, asked = ({key: values[start::2] for key, values in rows.items()} for start in (0, 1))
    answers = np.asarray(model.predict(tensors, verbose=0))[1::2]
    predicted = [labels[column] for column in answers.argmax(axis=1)] if labels else None
    return Trained(partial(_package, model, kept, name, labels), asked, answers, predicted)


def _package(model: keras.Model, rows: Any, name: str, labels: list[str] | None, models: Path) -> Path:
    return package_keras(model, rows, name, labels=labels, models=models)


def rows_of_numbers() -> Trained:
    """Train a classifier of rows of numbers."""
    flower = keras.Input((4,), name="flower")
    model = keras.Model({"flower": flower}, layers.Dense(3, "softmax")(layers.Dense(8, "relu")(flower)))
    return example("keras-numbers", model, {"flower": IRIS.data.astype(np.float32)}, IRIS.target, FLOWERS)


def table() -> Trained:
    """Train a classifier of a table with numbers and text."""
    rows, left = customers()
    numbers, city = keras.Input((2,), name="numbers"), keras.Input((1,), name="city", dtype="string")
    encoded = layers.StringLookup(vocabulary=["Oslo", "Rome", "Bern"], output_mode="one_hot")(city)
    joined = layers.Concatenate()([layers.Rescaling(0.01)(numbers), encoded])
    model = keras.Model({"numbers": numbers, "city": city}, layers.Dense(2, "softmax")(joined))
    given = {
        "numbers": rows[["age", "visits"]].to_numpy(np.float32),
        "city": np.array([[city] for city in rows["city"]], object),
    }
    return example("keras-table", model, given, (left == "leaves") * 1, ["stays", "leaves"])


def sentences() -> Trained:
    """Train a classifier of sentences; the words are looked up in the graph."""
    good = np.arange(80) % 3 == 0
    texts = np.array([["A great film, and fine." if each else "An awful, dull film!"] for each in good], object)
    split = layers.TextVectorization(max_tokens=20, output_mode="multi_hot")
    split.adapt(texts[:, 0].tolist())
    text = keras.Input((1,), name="text", dtype="string")
    model = keras.Model({"text": text}, layers.Dense(2, "softmax")(split(text)))
    return example("keras-text", model, {"text": texts}, good * 1, ["bad", "good"])


def values() -> Trained:
    """Train a regressor."""
    rows, target = load_diabetes(return_X_y=True)
    patient = keras.Input((10,), name="patient")
    model = keras.Model({"patient": patient}, layers.Dense(1)(layers.Dense(8, "relu")(patient)))
    return example("keras-values", model, {"patient": rows.astype(np.float32)}, target, None)


def one_sigmoid() -> Trained:
    """Train a classifier of two classes that ends with a single sigmoid."""
    flower = keras.Input((4,), name="flower")
    model = keras.Model({"flower": flower}, layers.Dense(1, "sigmoid")(flower))
    kept = {"flower": IRIS.data[:100:2].astype(np.float32)}
    return Trained(partial(_package, model, kept, "keras-sigmoid", FLOWERS[:2]), kept)
