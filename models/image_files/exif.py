"""The orientation of a photograph: how its EXIF metadata says it must be turned to stand upright."""

import tensorflow as tf

from .binary import choose, number, read_bytes

ORIENTATION, LONG = 0x0112, 4
ENTRY = 12  # bytes: tag (2), type (2), count (4), value (4)
MOST_ENTRIES = 1_000  # bounds the memory that a malicious file takes


def read_orientations(files: tf.Tensor, tiff: tf.Tensor, is_exif: tf.Tensor) -> tf.Tensor:
    """Return the orientations [n], 1 to 8, from the TIFF blocks at bytes `tiff` [n]; 1 where none is given or valid."""
    header = read_bytes(files, tiff, 8)
    little_endian = tf.equal(header[:, :1], ord("I"))
    directory = tiff + number(header[:, 4:8], little_endian)
    count = choose(is_exif, number(read_bytes(files, directory, 2), little_endian), 0)
    longest = tf.cast(tf.clip_by_value(tf.reduce_max(count), 1, MOST_ENTRIES), tf.int32)
    entries = tf.reshape(read_bytes(files, directory + 2, ENTRY * longest), [tf.size(files), longest, ENTRY])
    little_endian = little_endian[:, tf.newaxis]
    tag, kind = number(entries[..., 0:2], little_endian), number(entries[..., 2:4], little_endian)
    short, long = number(entries[..., 8:10], little_endian), number(entries[..., 8:12], little_endian)
    value = choose(tf.equal(kind, LONG), long, short)
    is_entry = tf.range(tf.cast(longest, tf.int64)) < count[:, tf.newaxis]
    valid = is_entry & tf.equal(tag, ORIENTATION) & (value >= 1) & (value <= 8)
    return tf.reduce_max(choose(valid, value, 1), axis=1)


def turn_upright(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Return image [h, w, c] as a viewer shows it: [w, h, c] where the orientation is 5 or more."""
    return tf.cond(tf.equal(orientation, 1), lambda: image, lambda: _turn(image, orientation))


def _turn(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    image = tf.cond(orientation >= 5, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
    upside_down = tf.reduce_any(tf.equal(orientation, [3, 4, 7, 8]))
    mirrored = tf.reduce_any(tf.equal(orientation, [2, 3, 6, 7]))
    return tf.reverse(image, tf.boolean_mask([0, 1], tf.stack([upside_down, mirrored])))
