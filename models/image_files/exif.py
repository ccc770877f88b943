"""The orientation of a photograph: how its EXIF metadata says it must be turned to stand upright."""

import tensorflow as tf

from .binary import choose, number, read_bytes

ORIENTATION = 0x0112
SHORTS, LONGS = (3, 8), (4, 9)  # types of numbers, without and with a sign
NAME = b"Exif\0\0"
HEADERS = (b"II*\0", b"MM\0*", b"II\0*", b"MM*\0")  # the last two are wrong, but viewers accept them
ENTRY = 12  # bytes: tag (2), type (2), count (4), value (4)
MOST_ENTRIES = 1_000  # bounds the memory that a malicious file takes


def read_orientations(files: tf.Tensor, start: tf.Tensor, has_exif: tf.Tensor) -> tf.Tensor:
    """Return the orientations [n], 1 to 8, from the EXIF at bytes `start` [n]; 1 where none is given or valid."""
    tiff = _after_name(files, _after_name(files, start))  # some programs write the name twice, and in a PNG
    header = read_bytes(files, tiff, 8)
    is_tiff = tf.reduce_any(tf.reduce_all(tf.equal(header[:, tf.newaxis, :4], [*map(list, HEADERS)]), 2), 1)
    little_endian = tf.equal(header[:, :1], ord("I"))
    directory = tiff + number(header[:, 4:8], little_endian)
    count = choose(has_exif & is_tiff, number(read_bytes(files, directory, 2), little_endian), 0)
    longest = tf.cast(tf.clip_by_value(tf.reduce_max(count), 1, MOST_ENTRIES), tf.int32)
    entries = tf.reshape(read_bytes(files, directory + 2, ENTRY * longest), [tf.size(files), longest, ENTRY])
    little_endian = little_endian[:, tf.newaxis]
    tag, kind = number(entries[..., 0:2], little_endian), number(entries[..., 2:4], little_endian)
    short, long = number(entries[..., 8:10], little_endian), number(entries[..., 8:12], little_endian)
    value = choose(_is_one_of(kind, LONGS), long, choose(_is_one_of(kind, SHORTS), short, 0))
    values = number(entries[..., 4:8], little_endian)
    is_entry = tf.range(tf.cast(longest, tf.int64)) < count[:, tf.newaxis]
    is_orientation = is_entry & tf.equal(tag, ORIENTATION)
    valid = is_orientation & tf.equal(values, 1) & (value >= 1) & (value <= 8)
    first = tf.argmax(tf.cast(is_orientation, tf.int32), axis=1)
    return tf.gather(choose(valid, value, 1), first, batch_dims=1)


def _after_name(files: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    has_name = tf.reduce_all(tf.equal(read_bytes(files, start, len(NAME)), list(NAME)), axis=1)
    return choose(has_name, start + len(NAME), start)


def _is_one_of(kind: tf.Tensor, kinds: tuple[int, ...]) -> tf.Tensor:
    return tf.reduce_any(tf.equal(kind[..., tf.newaxis], kinds), axis=-1)


def turn_upright(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Return image [h, w, c] as a viewer shows it: [w, h, c] where the orientation is 5 or more."""
    return tf.cond(tf.equal(orientation, 1), lambda: image, lambda: _turn(image, orientation))


def _turn(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    image = tf.cond(orientation >= 5, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
    upside_down = tf.reduce_any(tf.equal(orientation, [3, 4, 7, 8]))
    mirrored = tf.reduce_any(tf.equal(orientation, [2, 3, 6, 7]))
    return tf.reverse(image, tf.boolean_mask([0, 1], tf.stack([upside_down, mirrored])))
