"""BMP of every uncompressed kind; TensorFlow's decoder takes a palette's indices for greys, and masks for bytes."""

import tensorflow as tf

from .binary import read_bytes, required
from .bmp_header import FILE_HEADER, LARGEST_PALETTE, NO_COMPRESSION, Header, palette_shape, read_header, read_masks


def decode_bmp(data: tf.Tensor) -> tf.Tensor:
    """Return the file `data` as uint8 [h, w, 3], or [h, w, 4] with the opacity last."""
    header = read_header(data)
    rows = _read_rows(data, header)
    readers = [
        (header.bits <= LARGEST_PALETTE, lambda: _from_palette(data, header, rows)),
        (tf.equal(header.bits, 16), lambda: _from_masks(data, header, tf.bitcast(_pixels(rows, header, 2), tf.uint16))),
        (tf.equal(header.bits, 24), lambda: tf.reverse(_pixels(rows, header, 3), [2])),
        (tf.equal(header.compression, NO_COMPRESSION), lambda: _without_fourth_byte(_pixels(rows, header, 4))),
    ]
    image = tf.case(readers, lambda: _from_masks(data, header, tf.bitcast(_pixels(rows, header, 4), tf.uint32)))
    return tf.ensure_shape(image, [None, None, None])


def _read_rows(data: tf.Tensor, header: Header) -> tf.Tensor:
    """Return the rows from the top, uint8 [h, bytes of a row, which may end with unused ones]."""
    height, stride = tf.abs(header.height), (header.width * header.bits + 31) // 32 * 4
    start = tf.minimum(header.pixels, tf.cast(tf.strings.length(data), tf.int64))
    pixels = tf.strings.substr(data, start, stride * height)
    is_whole = tf.equal(tf.cast(tf.strings.length(pixels), tf.int64), stride * height)
    pixels = required(pixels, is_whole, "the BMP ends before its last pixel")
    rows = tf.reshape(tf.io.decode_raw(pixels, tf.uint8), [height, stride])
    return tf.cond(header.height > 0, lambda: tf.reverse(rows, [0]), lambda: rows)


def _pixels(rows: tf.Tensor, header: Header, size: int) -> tf.Tensor:
    """Return the pixels of `size` bytes, uint8 [h, w, size]."""
    return tf.reshape(rows[:, : header.width * size], [-1, header.width, size])


def _from_palette(data: tf.Tensor, header: Header, rows: tf.Tensor) -> tf.Tensor:
    colours = _read_palette(data, header)
    bits = tf.cast(header.bits, tf.int32)
    shifts = tf.cast(tf.range(8 - bits, -1, -bits), tf.uint8)
    indices = tf.bitwise.right_shift(rows[..., tf.newaxis], shifts)  # the first pixel is in the highest bits
    indices = tf.bitwise.bitwise_and(indices, tf.cast(2**header.bits - 1, tf.uint8))
    indices = tf.reshape(indices, [tf.abs(header.height), -1])[:, : header.width]
    is_known = tf.cast(tf.reduce_max(indices), tf.int32) < tf.shape(colours)[0]
    return tf.gather(colours, tf.cast(required(indices, is_known, "the palette of the BMP is too short"), tf.int32))


def _read_palette(data: tf.Tensor, header: Header) -> tf.Tensor:
    """Return red, green and blue of each entry, uint8 [n, 3]."""
    count, size = palette_shape(header)
    entries = read_bytes(data, FILE_HEADER + header.size, tf.cast(count * size, tf.int32))
    entries = tf.reshape(entries, [count, size])
    return tf.cast(entries[:, 2::-1], tf.uint8)


def _without_fourth_byte(pixels: tf.Tensor) -> tf.Tensor:
    fourth = pixels[..., 3]
    is_unused = tf.equal(tf.reduce_min(fourth), tf.reduce_max(fourth))
    problem = "the BMP has a fourth channel that it does not declare as opacity; save the image as PNG"
    return tf.reverse(required(pixels, is_unused, problem)[..., :3], [2])


def _from_masks(data: tf.Tensor, header: Header, words: tf.Tensor) -> tf.Tensor:
    """Return words [h, w] as uint8 [h, w, 4]: each channel is scaled from the bits that its mask selects."""
    masks = tf.cast(read_masks(data, header), words.dtype)
    selected = tf.cast(tf.bitwise.bitwise_and(words[..., tf.newaxis], masks), tf.float32)
    channels = tf.cast(tf.round(tf.math.divide_no_nan(selected, tf.cast(masks, tf.float32)) * 255), tf.uint8)
    # Programs that know of no opacity leave it zero everywhere.
    is_opaque = tf.equal(tf.reduce_max(channels[..., 3]), 0)
    return tf.cond(is_opaque, lambda: channels[..., :3], lambda: channels)
