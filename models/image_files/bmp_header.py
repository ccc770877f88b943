"""The headers of a BMP: where its pixels are and how they are stored."""

from typing import NamedTuple

import tensorflow as tf

from .binary import bounded, choose, number, read_bytes, required

FILE_HEADER, OS2_HEADER = 14, 12  # bytes
HEADERS = (OS2_HEADER, 40, 52, 56, 108, 124)
NO_COMPRESSION, MASKS, ALPHA_MASKS = 0, 3, 6
MASKS_AT = 54
LARGEST_PALETTE = 8  # bits of a pixel
WITH_ALPHA_MASK = 56  # the smallest header that has one
PLAIN_16 = (0x7C00, 0x03E0, 0x001F, 0)  # masks of red, green, blue and opacity


class Header(NamedTuple):
    """What the two headers of a BMP say; int64 scalars."""

    size: tf.Tensor  # of the second header
    pixels: tf.Tensor  # position of the first stored row
    width: tf.Tensor
    height: tf.Tensor  # negative: the first stored row is the top one
    bits: tf.Tensor  # of one pixel
    compression: tf.Tensor
    colours: tf.Tensor  # in the palette; 0 for as many as `bits` can number


def read_header(data: tf.Tensor) -> Header:
    """Return the header of the file `data`; the graph refuses one that `decode_bmp` cannot read."""
    content = read_bytes(data, tf.constant(0, tf.int64), 50)

    def unsigned(position: int, count: int) -> tf.Tensor:
        return number(content[position : position + count], True)

    def signed(position: int) -> tf.Tensor:
        return unsigned(position, 4) - content[position + 3] // 128 * 2**32

    size, pixels, zero = unsigned(14, 4), unsigned(10, 4), tf.constant(0, tf.int64)
    is_os2 = tf.equal(size, OS2_HEADER)
    os2 = [unsigned(18, 2), unsigned(20, 2), unsigned(24, 2), zero, zero]
    windows = [signed(18), signed(22), unsigned(28, 2), unsigned(30, 4), unsigned(46, 4)]
    return _checked(Header(size, pixels, *(choose(is_os2, a, b) for a, b in zip(os2, windows, strict=True))))


def _checked(header: Header) -> Header:
    size, bits, compression = header.size, header.bits, header.compression
    known = tf.reduce_any(tf.equal(size, HEADERS)) & tf.reduce_any(tf.equal(bits, [1, 2, 4, 8, 16, 24, 32]))
    with_masks = tf.reduce_any(tf.equal(compression, [MASKS, ALPHA_MASKS])) & tf.reduce_any(tf.equal(bits, [16, 32]))
    not_compressed = tf.equal(compression, NO_COMPRESSION) | with_masks
    size = required(size, known, "the BMP has a header of an unknown kind; save the image as PNG")
    size = required(size, not_compressed, "the BMP is compressed; save the image without compression, or as PNG")
    size = required(size, (header.width > 0) & tf.not_equal(header.height, 0), "the BMP has no pixels")
    size = bounded(size, header.width, tf.abs(header.height))
    size = required(size, header.pixels >= _end(header), "the pixels of the BMP begin in its header; save it as PNG")
    with tf.control_dependencies([size]):
        return Header(*map(tf.identity, header))


def _end(header: Header) -> tf.Tensor:
    """Return the position after the headers, the masks and the palette."""
    masks = choose(tf.equal(header.compression, MASKS), MASKS_AT + 12, MASKS_AT + 16)
    masks = choose(tf.equal(header.compression, NO_COMPRESSION), 0, masks)
    count, size = palette_shape(header)
    palette = choose(header.bits <= LARGEST_PALETTE, count * size, 0)
    return tf.maximum(FILE_HEADER + header.size + palette, masks)


def palette_shape(header: Header) -> tuple[tf.Tensor, tf.Tensor]:
    """Return how many colours the palette has, if the image has one, and the bytes of each."""
    most = 2 ** tf.minimum(header.bits, LARGEST_PALETTE)
    count = tf.minimum(choose(tf.equal(header.colours, 0), most, header.colours), most)
    return count, choose(tf.equal(header.size, OS2_HEADER), 3, 4)


def read_masks(data: tf.Tensor, header: Header) -> tf.Tensor:
    """Return which bits of a pixel are its red, green, blue and opacity, int64 [4]; 0 where there is no opacity."""
    content = read_bytes(data, tf.constant(MASKS_AT, tf.int64), 16)
    stored = number(tf.reshape(content, [4, 4]), True)
    has_alpha = (header.size >= WITH_ALPHA_MASK) | tf.equal(header.compression, ALPHA_MASKS)
    stored = choose(has_alpha, stored, stored * [1, 1, 1, 0])
    return choose(tf.equal(header.compression, NO_COMPRESSION), tf.constant(PLAIN_16, tf.int64), stored)
