"""The digits that ship in scikit-learn, drawn as people upload them: in other sizes, colours, positions and formats."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageColor
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

RESAMPLING = (Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)


@dataclass(frozen=True)
class Style:
    """How a digit is drawn: size of the digit and of the canvas in pixels (width, height), place, colours, format."""

    size: tuple[int, int] = (8, 8)
    canvas: tuple[int, int] | None = None
    place: tuple[int, int] = (0, 0)
    ink: str = "white"
    paper: str = "black"
    resampling: Image.Resampling = Image.Resampling.BICUBIC
    format: str = "PNG"
    quality: int = 60


PLAIN = Style()
ENLARGED = Style(size=(200, 300))
COLOURED = Style(size=(200, 300), ink="gold", paper="navy")
INVERTED = Style(size=(200, 300), ink="black", paper="white")
SHIFTED = Style(size=(200, 300), canvas=(480, 400), place=(240, 30))
JPEG = Style(size=(200, 300), format="JPEG")
UPLOAD = Style((200, 300), (480, 400), (240, 30), ink="darkred", paper="linen", format="JPEG")
STYLES = {
    "plain": PLAIN,
    "enlarged": ENLARGED,
    "coloured": COLOURED,
    "inverted": INVERTED,
    "shifted": SHIFTED,
    "jpeg": JPEG,
    "upload": UPLOAD,
}


def split() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return digits [1437, 8, 8] and [360, 8, 8], 0 to 16, and classes [1437] and [360]: training, then held out."""
    digits = load_digits()
    return tuple(train_test_split(digits.images, digits.target, test_size=360, stratify=digits.target, random_state=0))


def draw(digit: np.ndarray, style: Style = PLAIN) -> bytes:
    """Return one digit [8, 8], 0 to 16, as the bytes of an image file."""
    strength = Image.fromarray(np.rint(digit * (255 / 16)).astype(np.uint8)).resize(style.size, style.resampling)
    canvas = Image.new("RGB", style.canvas or style.size, ImageColor.getrgb(style.paper))
    canvas.paste(Image.new("RGB", style.size, ImageColor.getrgb(style.ink)), style.place, mask=strength)
    file = io.BytesIO()
    canvas.save(file, style.format, quality=style.quality, compress_level=1)
    return file.getvalue()


def random_style(generator: np.random.Generator) -> Style:
    """Return a style for training: any size from 8 to 96 pixels a side, any aspect from 2:3 to 3:2, any contrast."""
    height = int(generator.integers(8, 97))
    width = max(8, round(height * generator.uniform(2 / 3, 3 / 2)))
    margin = int(generator.integers(0, height))
    paper, ink = generator.integers(0, 256, (2, 3))
    if abs(int(paper.max()) - int(ink.max())) < 80:
        paper, ink = np.array([0, 0, 0]), np.array([255, 255, 255])
    return Style(
        size=(width, height),
        canvas=(width + margin, height + margin),
        place=(int(generator.integers(0, margin + 1)), int(generator.integers(0, margin + 1))),
        ink="#" + bytes(ink.astype(np.uint8)).hex(),
        paper="#" + bytes(paper.astype(np.uint8)).hex(),
        resampling=RESAMPLING[int(generator.integers(len(RESAMPLING)))],
        format=("PNG", "JPEG")[int(generator.integers(2))],
    )
