"""Real input for the demo and the tests: held-out Iris rows, held-out digits as image files, two large photographs."""

import importlib.resources
import itertools
from dataclasses import dataclass, replace

import numpy as np
from sklearn.datasets import load_iris

from models import uploads


@dataclass(frozen=True)
class DigitImage:
    """An image file, and the digit that a person wrote."""

    name: str
    data: bytes
    label: str


def iris_rows(count: int) -> list[list[float]]:
    """Return `count` Iris flowers as rows of four centimetre values, all three kinds in turn."""
    rows = load_iris().data.reshape(3, 50, 4).transpose(1, 0, 2).reshape(-1, 4)
    return [[float(value) for value in row] for row in itertools.islice(itertools.cycle(rows), count)]


def digit_images(count: int) -> list[DigitImage]:
    """Return `count` (360 at most) held-out digits as PNG and JPEG files of several sizes, colours and placements."""
    _, digits, _, classes = uploads.split()
    styles = [replace(style, format=kind) for style in uploads.STYLES.values() for kind in ("PNG", "JPEG")]
    return [
        DigitImage(f"digit-{index:03}.{style.format.lower()}", uploads.draw(digit, style), str(label))
        for index, (digit, label, style) in enumerate(
            zip(digits[:count], np.asarray(classes)[:count], itertools.cycle(styles), strict=False)
        )
    ]


def photographs() -> list[bytes]:
    """Return the two photographs that ship in scikit-learn, JPEG files of 640x427 pixels, as they are on disk."""
    folder = importlib.resources.files("sklearn.datasets.images")
    return [folder.joinpath(name).read_bytes() for name in ("china.jpg", "flower.jpg")]
