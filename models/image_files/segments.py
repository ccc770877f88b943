"""The segments of JPEG and PNG files that TensorFlow's decoders ignore and that change how the image looks."""

from typing import NamedTuple

import tensorflow as tf

from .binary import choose, read_words, required

MOST_SEGMENTS = 5_000  # bounds the time that a malicious file takes
MOST_SCANS = 100  # likewise: a progressive JPEG has some ten, and each is decoded over the whole image
SCAN_BEGINS = b"\xff\xda\x00"  # its marker, and the first byte of its length, which is below 256
JPEG_START, PNG_START = 2, 8  # bytes before the first segment
SEGMENTS, WITHOUT_LENGTH, FRAMES = (0xFFC0, 0xFFFE), (0xFFD0, 0xFFD8), (0xFFC0, 0xFFCF)  # first and last marker
NOT_FRAMES = (0xFFC4, 0xFFC8, 0xFFCC)
SCAN, EXIF, ADOBE = 0xFFDA, 0xFFE1, 0xFFEE
NO_EXIF, LEAST_ADOBE = 8, 14  # lengths: of a segment with the name alone, and of one that decoders do not ignore


class Segments(NamedTuple):
    """Where each segment begins in each file, int64 [n]; 0 where the file has none."""

    exif: tf.Tensor
    transparency: tf.Tensor  # of a PNG: which colours are transparent
    adobe: tf.Tensor  # of a JPEG: how CMYK is stored
    frame: tf.Tensor  # of a JPEG: size and number of colours


def find_segments(files: tf.Tensor, is_jpeg: tf.Tensor, is_png: tf.Tensor) -> Segments:
    """Walk through files [n], to the start of a JPEG's scan and to the end of a PNG; other files have no segments."""
    sizes = tf.cast(tf.strings.length(files), tf.int64)

    def step(position: tf.Tensor, found: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        before_end = (position < sizes)[:, tf.newaxis]
        following, matches = _read_segment(files, is_png, position)
        found = tf.where(before_end & matches & tf.equal(found, 0), position[:, tf.newaxis], found)
        return tf.where(before_end[:, 0], following, position), found

    first = choose(is_jpeg, JPEG_START, choose(is_png, PNG_START, sizes))
    nothing = tf.zeros([tf.size(files), len(Segments._fields)], tf.int64)
    position, found = tf.while_loop(
        lambda position, _: tf.reduce_any(position < sizes), step, (first, nothing), maximum_iterations=MOST_SEGMENTS
    )
    found = required(found, tf.reduce_all(position >= sizes), f"an image has more than {MOST_SEGMENTS} segments")
    return Segments(*tf.unstack(found, axis=1))


def check_scans(files: tf.Tensor, is_jpeg: tf.Tensor) -> tf.Tensor:
    """Return files [n], once the JPEGs have at most `MOST_SCANS` scans."""
    pieces = tf.strings.split(tf.where(is_jpeg, files, ""), SCAN_BEGINS, maxsplit=MOST_SCANS + 1)
    is_short = tf.reduce_all(pieces.row_lengths() <= MOST_SCANS + 1)
    return required(files, is_short, f"a JPEG has more than {MOST_SCANS} scans; save the image again, not progressive")


def _read_segment(files: tf.Tensor, is_png: tf.Tensor, position: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the position [n] after each segment, and whether the segment is each of those wanted [n, 4]."""
    marker, length, name, name_end, after_name = read_words(files, position, 5)
    name = name * 0x10000 + name_end
    # A JPEG decoder skips what is not a marker, so this does too.
    has_length = _between(marker, SEGMENTS) & ~_between(marker, WITHOUT_LENGTH)
    size = choose(is_png, marker * 0x10000 + length + 12, choose(has_length, length + 2, 1))
    is_last = tf.equal(choose(is_png, name, marker), choose(is_png, _name(b"IEND"), SCAN))
    is_exif = tf.equal(marker, EXIF) & tf.equal(name, _name(b"Exif")) & tf.equal(after_name, 0) & (length > NO_EXIF)
    is_adobe = tf.equal(marker, ADOBE) & tf.equal(name, _name(b"Adob")) & tf.equal(after_name // 0x100, ord("e"))
    matches = [
        tf.where(is_png, tf.equal(name, _name(b"eXIf")), is_exif),
        is_png & tf.equal(name, _name(b"tRNS")),
        ~is_png & is_adobe & (length >= LEAST_ADOBE),
        ~is_png & _between(marker, FRAMES) & ~tf.reduce_any(tf.equal(marker[:, tf.newaxis], NOT_FRAMES), axis=1),
    ]
    return choose(is_last, tf.int64.max, position + size), tf.stack(matches, axis=1)


def _between(marker: tf.Tensor, bounds: tuple[int, int]) -> tf.Tensor:
    return (marker >= bounds[0]) & (marker <= bounds[1])


def _name(text: bytes) -> int:
    return int.from_bytes(text, "big")
