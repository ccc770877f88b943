"""Numbers in the bytes of files. Bytes after the end read as zeros, so a truncated file needs no special case.

Files are string tensors of any shape, and positions are int64 tensors of the same shape: one operation reads a whole
batch, because the time that an operation takes hardly depends on how many files it reads.
"""

import tensorflow as tf

MOST_PIXELS = 50_000_000  # bounds the memory that a small file of very many equal pixels takes


def read_bytes(files: tf.Tensor, start: tf.Tensor, count: tf.Tensor | int) -> tf.Tensor:
    """Return `count` bytes of each file from its `start`, as int64 [..., count]."""
    return _read(files, start, count, tf.uint8)


def read_words(files: tf.Tensor, start: tf.Tensor, count: int) -> list[tf.Tensor]:
    """Return `count` big-endian 16-bit numbers of each file from its `start`, as int64 [...] each."""
    return list(tf.unstack(_read(files, start, 2 * count, tf.uint16), count, axis=-1))


def _read(files: tf.Tensor, start: tf.Tensor, size: tf.Tensor | int, dtype: tf.DType) -> tf.Tensor:
    start = tf.clip_by_value(start, 0, tf.cast(tf.strings.length(files), tf.int64))
    pieces = tf.strings.substr(files, start, tf.fill(tf.shape(files), tf.cast(size, tf.int64)))
    return tf.cast(tf.io.decode_raw(pieces, dtype, little_endian=False, fixed_length=size), tf.int64)


def number(digits: tf.Tensor, little_endian: tf.Tensor | bool) -> tf.Tensor:
    """Return the unsigned numbers [...] of which `digits` [..., k] are the bytes."""
    weights = [256**place for place in range(digits.shape[-1])]
    return tf.reduce_sum(digits * choose(little_endian, weights, weights[::-1]), -1)


def required(value: tf.Tensor, condition: tf.Tensor, problem: str) -> tf.Tensor:
    """Return `value`, which nothing can use before `condition` holds; the graph fails with `problem` otherwise."""
    with tf.control_dependencies([tf.debugging.Assert(condition, [problem])]):
        return tf.identity(value)


def bounded(value: tf.Tensor, width: tf.Tensor, height: tf.Tensor) -> tf.Tensor:
    """Return `value`, which nothing can use before the images of these sizes are known to be within `MOST_PIXELS`."""
    # Divided, because the product of two numbers of 32 bits can overflow.
    is_small = tf.reduce_all(width <= MOST_PIXELS // tf.maximum(height, 1))
    return required(value, is_small, f"each image must have at most {MOST_PIXELS} pixels; make it smaller")


def choose(condition: tf.Tensor, yes: tf.Tensor | int, no: tf.Tensor | int) -> tf.Tensor:
    """Return `yes` where `condition` holds, else `no`, as int64."""
    return tf.where(condition, tf.cast(yes, tf.int64), tf.cast(no, tf.int64))
