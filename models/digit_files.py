"""The same digit in kinds of image files that are easily read wrong, each with the pixels that a viewer shows."""

import io

import numpy as np
from PIL import Image

from . import uploads

TURNED = 6  # the orientation of a phone held upright
SCRAMBLE = 77  # odd, so that multiplying by it gives each of the 256 indices once


def draw_kinds(digit: np.ndarray) -> list[tuple[bytes, np.ndarray]]:
    """Return files of one digit [8, 8], 0 to 16, and their pixels float32 [h, w, 3], 0 to 255."""
    image = Image.open(io.BytesIO(uploads.draw(digit, uploads.Style(size=(60, 90), ink="black", paper="white"))))
    grey = np.asarray(image.convert("L"))
    shown = np.repeat(grey[..., np.newaxis], 3, axis=-1).astype(np.float32)
    return [(file, shown) for file in (_png(grey), _turned_png(grey), _palette_bmp(grey), _transparent_gif(grey))]


def _png(grey: np.ndarray) -> bytes:
    return _save(Image.fromarray(grey), "PNG")


def _turned_png(grey: np.ndarray) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = TURNED
    return _save(Image.fromarray(np.ascontiguousarray(np.rot90(grey))), "PNG", exif=exif)


def _palette_bmp(grey: np.ndarray) -> bytes:
    """Return a BMP whose indices are not in the order of the greys."""
    greys = np.arange(256)
    image = Image.fromarray((grey.astype(int) * SCRAMBLE % 256).astype(np.uint8), "P")
    palette = np.zeros((256, 3), np.uint8)
    palette[greys * SCRAMBLE % 256] = greys[:, np.newaxis]
    image.putpalette(palette.tobytes())
    return _save(image, "BMP")


def _transparent_gif(grey: np.ndarray) -> bytes:
    """Return a GIF whose white pixels are transparent; their own colour is black."""
    image = Image.fromarray(grey, "P")
    palette = np.repeat(np.arange(256, dtype=np.uint8)[:, np.newaxis], 3, axis=1)
    palette[255] = 0
    image.putpalette(palette.tobytes())
    return _save(image, "GIF", transparency=255, optimize=False)


def _save(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
