"""Image files to pixels: every JPEG, PNG, GIF and BMP as a viewer shows it, or an error that says why not."""

from typing import NamedTuple

import tensorflow as tf

from .binary import required
from .bmp import decode_bmp
from .exif import read_orientations, turn_upright
from .gif import decode_gif
from .segments import find_segments

LARGEST_SIDE = 512
PLAIN, PNG_WITH_TRANSPARENCY, GIF, BMP = range(4)  # the ways to read a file


class ImageFile(NamedTuple):
    """Files [n], and what is read from their segments for all of them at once."""

    data: tf.Tensor  # string
    reader: tf.Tensor  # int32: one of the ways above
    orientation: tf.Tensor  # int64, 1 to 8


def inspect(files: tf.Tensor) -> ImageFile:
    """Return what `decode` needs of files [n]; the graph refuses what it cannot read right."""
    is_jpeg, is_png = _starts_with(files, b"\xff\xd8\xff"), _starts_with(files, b"\x89PNG\r\n\x1a\n")
    is_gif, is_bmp = _starts_with(files, b"GIF8"), _starts_with(files, b"BM")
    known = tf.reduce_all(is_jpeg | is_png | is_gif | is_bmp)
    files = required(files, known, "each image must be a JPEG, PNG, GIF or BMP file")
    found = find_segments(files, is_jpeg, is_png)
    clear = tf.reduce_all(tf.equal(found.four_colours, 0) | (found.adobe > 0))
    files = required(files, clear, "a CMYK JPEG does not say how its colours are stored; save the image as RGB")
    orientation = tf.cond(
        tf.reduce_any(found.exif > 0),
        lambda: read_orientations(files, tf.where(is_jpeg, found.exif + 10, found.exif + 8), found.exif > 0),
        lambda: tf.ones_like(found.exif),
    )
    png = tf.where(found.transparency > 0, PNG_WITH_TRANSPARENCY, PLAIN)
    return ImageFile(files, tf.where(is_gif, GIF, tf.where(is_bmp, BMP, png)), orientation)


def _starts_with(files: tf.Tensor, signature: bytes) -> tf.Tensor:
    return tf.equal(tf.strings.substr(files, 0, len(signature)), signature)


def decode(file: ImageFile) -> tf.Tensor:
    """Return one file as float32 [h, w, 3] from 0 to 255, upright, its transparent pixels on white paper.

    A side above `LARGEST_SIDE` pixels is shrunk to it, which bounds what a large photograph costs.
    """
    readers = {
        PLAIN: lambda: tf.io.decode_image(file.data, expand_animations=False),
        # The decoder ignores transparency that is given to single colours, unless it is asked for four channels.
        PNG_WITH_TRANSPARENCY: lambda: tf.io.decode_png(file.data, channels=4),
        GIF: lambda: _decode_gif(file.data),
        BMP: lambda: _decode_bmp(file.data),
    }
    image = tf.ensure_shape(tf.switch_case(file.reader, readers), [None, None, None])
    # Paper first: a transparent pixel's own colour must not mix with its neighbours.
    has_opacity = tf.equal(tf.shape(image)[-1] % 2, 0)
    image = tf.cond(has_opacity, lambda: _shrink(_on_white(image)), lambda: _shrink(image))
    image = turn_upright(image, file.orientation)
    return tf.ensure_shape(tf.broadcast_to(image, tf.concat([tf.shape(image)[:2], [3]], 0)), [None, None, 3])


# Kept as functions: in the graph itself, each JPEG would pay for skipping their operations.
_separate = tf.function(
    input_signature=[tf.TensorSpec([], tf.string)], autograph=False, experimental_attributes={"_noinline": True}
)
_decode_gif, _decode_bmp = _separate(decode_gif), _separate(decode_bmp)


def _on_white(image: tf.Tensor) -> tf.Tensor:
    image = tf.cast(image, tf.float32)
    return 255 - (255 - image[..., :-1]) * (image[..., -1:] / 255)


def _shrink(image: tf.Tensor) -> tf.Tensor:
    size = tf.shape(image)[:2]
    fitted = tf.maximum(1, size * LARGEST_SIDE // tf.maximum(LARGEST_SIDE, tf.reduce_max(size)))
    return tf.cond(
        tf.reduce_all(fitted == size),
        lambda: tf.cast(image, tf.float32),
        # Area resampling reads uint8 pixels directly: no float copy of the whole photograph.
        lambda: tf.image.resize(image[tf.newaxis], fitted, "area")[0],
    )
