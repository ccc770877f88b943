"""Image files to pixels: every JPEG, PNG, GIF and BMP as a viewer shows it, or an error that says why not."""

from typing import NamedTuple

import tensorflow as tf

from .binary import bounded, choose, read_words, required
from .bmp import decode_bmp
from .exif import read_orientations, turn_upright
from .gif import decode_gif
from .segments import Segments, check_scans, find_segments

LARGEST_SIDE = 512
PNG_SIZE, JPEG_SIZE = 16, 5  # positions of width and height: in the file, and in the frame's segment
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
    files = check_scans(files, is_jpeg)
    found = find_segments(files, is_jpeg, is_png)
    files = _check_frames(files, found, is_png)
    orientation = tf.cond(
        tf.reduce_any(found.exif > 0),
        lambda: read_orientations(files, found.exif + choose(is_jpeg, 4, 8), found.exif > 0),
        lambda: tf.ones_like(found.exif),
    )
    png = tf.where(found.transparency > 0, PNG_WITH_TRANSPARENCY, PLAIN)
    return ImageFile(files, tf.where(is_gif, GIF, tf.where(is_bmp, BMP, png)), orientation)


def _check_frames(files: tf.Tensor, found: Segments, is_png: tf.Tensor) -> tf.Tensor:
    """Return the files, once the JPEGs and PNGs have a size and colours that can be decoded."""
    has_frame = found.frame > 0
    words = read_words(files, choose(is_png, PNG_SIZE, found.frame + JPEG_SIZE), 4)
    width = choose(is_png, words[0] * 0x10000 + words[1], choose(has_frame, words[1], 0))
    height = choose(is_png, words[2] * 0x10000 + words[3], choose(has_frame, words[0], 0))
    files = bounded(files, width, height)
    is_clear = (found.adobe > 0) | ~(has_frame & tf.equal(words[2] // 0x100, 4))
    problem = "a CMYK JPEG does not say how its colours are stored; save the image as RGB"
    return required(files, tf.reduce_all(is_clear), problem)


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
    image = tf.cond(has_opacity, lambda: _on_white(image), lambda: _shrink(image))
    image = turn_upright(image, file.orientation)
    return tf.ensure_shape(tf.broadcast_to(image, tf.concat([tf.shape(image)[:2], [3]], 0)), [None, None, 3])


# Kept as functions: in the graph itself, each JPEG would pay for skipping their operations.
_separate = tf.function(
    input_signature=[tf.TensorSpec([], tf.string)], autograph=False, experimental_attributes={"_noinline": True}
)
_decode_gif, _decode_bmp = _separate(decode_gif), _separate(decode_bmp)


def _on_white(image: tf.Tensor) -> tf.Tensor:
    """Return the shrunk image on white paper."""
    # How much darker than paper each pixel is, times 255; floats of the whole image would take twice the memory.
    darkness = tf.cast(255 - image[..., :-1], tf.uint16) * tf.cast(image[..., -1:], tf.uint16)
    # TensorFlow turns a plain division by a constant into a multiplication, which is not exact.
    return 255 - tf.math.divide_no_nan(_shrink(darkness), 255.0)


def _shrink(image: tf.Tensor) -> tf.Tensor:
    size = tf.shape(image, tf.int64)[:2]  # with 32 bits, the product of a long side would overflow
    longest = tf.maximum(tf.constant(LARGEST_SIDE, tf.int64), tf.reduce_max(size))
    fitted = tf.maximum(tf.constant(1, tf.int64), size * LARGEST_SIDE // longest)
    return tf.cond(
        tf.reduce_all(fitted == size),
        lambda: tf.cast(image, tf.float32),
        # Area resampling reads uint8 pixels directly: no float copy of the whole photograph.
        lambda: tf.image.resize(image[tf.newaxis], tf.cast(fitted, tf.int32), "area")[0],
    )
