"""GIF: the first frame in its place on the canvas, with its transparency; TensorFlow's decoder loses both."""

import tensorflow as tf

from .binary import bounded, choose, number, read_bytes, required

MOST_BLOCKS = 5_000  # bounds the time that a malicious file takes
HEADER, DESCRIPTOR = 13, 10  # bytes before the file's palette, and before the frame's own
LARGEST_BLOCK, BLOCKS_AT_ONCE = 256, 64
CANVAS, PLACE, SIZE = 6, 1, 5  # positions in the header, and in the descriptor
EXTENSION, FRAME = 0x21, 0x2C
WHITE = bytes([255]) * 3 * 256


def decode_gif(data: tf.Tensor) -> tf.Tensor:
    """Return the first frame of the file `data` as uint8 [h, w, 4]: red, green, blue, and 0 where it is transparent."""
    palette = _palette_size(read_bytes(data, tf.constant(10, tf.int64), 1)[0])
    frame = _find_frame(data, HEADER + palette)
    place, size = _read_pair(data, frame + PLACE), _read_pair(data, frame + SIZE)
    canvas = tf.maximum(_read_pair(data, tf.constant(CANVAS, tf.int64)), place + size)
    data = bounded(data, canvas[0], canvas[1])
    # The decoder takes the frame's size for the canvas, and would still move the frame to its place. It would also
    # decode all frames of an animation, which can take gigabytes.
    end = _end_of_frame(data, frame)
    data = tf.strings.join([_piece(data, 0, frame + PLACE), bytes(4), _piece(data, frame + SIZE, end), b";"])
    # With only white in its palettes, the file shows black exactly where nothing is drawn.
    opaque = tf.io.decode_image(_with_white_palettes(data, palette, frame), expand_animations=False)
    image = tf.concat([tf.io.decode_image(data, expand_animations=False), opaque[..., :1]], -1)
    around = tf.reverse(tf.stack([place, canvas - place - size], axis=1), [0])  # rows first
    return tf.pad(image[: size[1], : size[0]], tf.pad(around, [[0, 1], [0, 0]]))


def _read_pair(data: tf.Tensor, position: tf.Tensor) -> tf.Tensor:
    """Return the two 16-bit numbers at a position, horizontal and vertical, int64 [2]."""
    return number(tf.reshape(read_bytes(data, position, 4), [2, 2]), True)


def _with_white_palettes(data: tf.Tensor, palette: tf.Tensor, frame: tf.Tensor) -> tf.Tensor:
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


def _end_of_frame(data: tf.Tensor, frame: tf.Tensor) -> tf.Tensor:
    """Return the position after the blocks of the frame whose descriptor is at `frame`."""
    offsets = tf.range(BLOCKS_AT_ONCE)

    def step(position: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        content = read_bytes(data, position, LARGEST_BLOCK * BLOCKS_AT_ONCE)
        size = content[0]  # nearly all blocks have the same
        others = tf.cast(tf.gather(content, offsets * tf.cast(size + 1, tf.int32)) != size, tf.int32)
        equal = tf.where(tf.reduce_any(others > 0), tf.argmax(others), BLOCKS_AT_ONCE)
        return position + choose(size > 0, equal * (size + 1), 1), size > 0

    first = frame + DESCRIPTOR + _palette_size(read_bytes(data, frame + DESCRIPTOR - 1, 1)[0]) + 1
    state = first, tf.constant(True)
    end, goes_on = tf.while_loop(lambda _, goes_on: goes_on, step, state, maximum_iterations=MOST_BLOCKS)
    return required(end, ~goes_on, "the first frame of the GIF consists of very many small blocks; save it as PNG")


def _palette_size(flags: tf.Tensor) -> tf.Tensor:
    return choose(flags >= 128, 3 * 2 ** (flags % 8 + 1), 0)


def _piece(text: tf.Tensor | bytes, start: tf.Tensor | int, end: tf.Tensor) -> tf.Tensor:
    return tf.strings.substr(text, tf.cast(start, tf.int64), tf.maximum(tf.cast(end, tf.int64) - start, 0))
