"""GIF: the first frame with its transparency, which TensorFlow's decoder turns into black."""

import tensorflow as tf

from .binary import choose, read_bytes, required

MOST_BLOCKS = 5_000  # bounds the time that a malicious file takes
HEADER, DESCRIPTOR = 13, 10  # bytes before the file's palette, and before the frame's own
EXTENSION, FRAME = 0x21, 0x2C
WHITE = bytes([255]) * 3 * 256


def decode_gif(data: tf.Tensor) -> tf.Tensor:
    """Return the first frame of the file `data` as uint8 [h, w, 4]: red, green, blue, and 0 where it is transparent."""
    # With only white in its palettes, the file shows black exactly where nothing is drawn.
    opaque = tf.io.decode_image(_with_white_palettes(data), expand_animations=False)
    return tf.concat([tf.io.decode_image(data, expand_animations=False), opaque[..., :1]], -1)


def _with_white_palettes(data: tf.Tensor) -> tf.Tensor:
    palette = _palette_size(read_bytes(data, tf.constant(10, tf.int64), 1)[0])
    frame = _find_frame(data, HEADER + palette)
    own = frame + DESCRIPTOR
    own_palette = _palette_size(read_bytes(data, own - 1, 1)[0])
    end = tf.cast(tf.strings.length(data), tf.int64)
    pieces = [
        _piece(data, 0, HEADER),
        _piece(WHITE, 0, palette),
        _piece(data, HEADER + palette, own),
        _piece(WHITE, 0, own_palette),
        _piece(data, own + own_palette, end),
    ]
    return tf.strings.join(pieces)


def _find_frame(data: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    """Return the position of the first frame's descriptor, after the extensions that begin at `start`."""

    def step(position: tf.Tensor, in_extension: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        size = read_bytes(data, position, 1)[0]
        return choose(in_extension, position + size + 1, position + 2), ~in_extension | (size > 0)

    def before_frame(position: tf.Tensor, in_extension: tf.Tensor) -> tf.Tensor:
        return in_extension | tf.equal(read_bytes(data, position, 1)[0], EXTENSION)

    position, _ = tf.while_loop(before_frame, step, (start, tf.constant(False)), maximum_iterations=MOST_BLOCKS)
    has_frame = tf.equal(read_bytes(data, position, 1)[0], FRAME)
    return required(position, has_frame, f"the GIF has no frame in its first {MOST_BLOCKS} blocks")


def _palette_size(flags: tf.Tensor) -> tf.Tensor:
    return choose(flags >= 128, 3 * 2 ** (flags % 8 + 1), 0)


def _piece(text: tf.Tensor | bytes, start: tf.Tensor | int, end: tf.Tensor) -> tf.Tensor:
    return tf.strings.substr(text, tf.cast(start, tf.int64), tf.maximum(tf.cast(end, tf.int64) - start, 0))
