"""Image files of kinds that Pillow does not write, put together byte by byte, and how a viewer shows any file."""

import io
import struct

import numpy as np
from PIL import Image, ImageOps

HEIGHT, WIDTH = 23, 31  # odd, so that rows have unused bytes or bits at their ends


def gradient(height=HEIGHT, width=WIDTH):
    """Return a picture [height, width, 3] that looks different in each of the eight orientations."""
    y, x = np.mgrid[:height, :width]
    return np.stack(
        [x * 255 // (width - 1), y * 255 // (height - 1), 255 - (x + y) * 255 // (width + height - 2)], -1
    ).astype(np.uint8)


PICTURE = Image.fromarray(gradient())


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def shown(data):
    """Return the file as Pillow shows it, upright and on white paper: float [h, w, 3]."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    transparent = "transparency" in image.info or image.mode in ("LA", "RGBA")
    if not transparent:
        return np.asarray(image.convert("RGB"), float)
    white = Image.new("RGBA", image.size, "white")
    return np.asarray(Image.alpha_composite(white, image.convert("RGBA")).convert("RGB"), float)


def exif(orientation, order="<", kind=3, before=0):
    """Return an EXIF block with `before` other tags in front of the orientation, in a type and a byte order."""
    mark, value = {"<": b"II", ">": b"MM"}[order], {3: "HH", 4: "I"}[kind]
    entries = [struct.pack(f"{order}HHII", 0x0200 + n, 4, 1, 7) for n in range(before)]
    entries.append(struct.pack(f"{order}HHI{value}", 0x0112, kind, 1, *[orientation, 0][: len(value)]))
    return b"Exif\0\0" + mark + struct.pack(f"{order}HIH", 42, 8, len(entries)) + b"".join(entries) + bytes(4)


def bmp(bits, rows, *, palette=b"", compression=0, masks=(), size=40, used=0, top_down=False):
    """Return a BMP with the stored `rows` (bytes each, padded here) of WIDTH pixels."""
    if size == 12:
        header = struct.pack("<IHHHH", 12, WIDTH, len(rows), 1, bits)
    else:
        height = -len(rows) if top_down else len(rows)
        fields = struct.pack("<IiiHHIIiiII", size, WIDTH, height, 1, bits, compression, 0, 0, 0, used, 0)
        header = (fields + b"".join(struct.pack("<I", mask) for mask in masks)).ljust(size, b"\0")
    pixels = b"".join(row + bytes(-len(row) % 4) for row in (rows if top_down else rows[::-1]))
    start = 14 + len(header) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + header + palette + pixels


def indexed_bmp(bits, **options):
    """Return a BMP of `bits` bits for each pixel with a palette of random colours, and the picture it shows."""
    generator = np.random.default_rng(bits)
    colours = generator.integers(0, 256, (2**bits, 3), dtype=np.uint8)
    indices = generator.integers(0, 2**bits, (HEIGHT, WIDTH))
    digits = np.unpackbits(indices.astype(np.uint8)[..., None], axis=-1)[..., -bits:].reshape(HEIGHT, -1)
    end = b"" if options.get("size") == 12 else b"\0"
    palette = b"".join(bytes(colour[::-1]) + end for colour in colours)
    return bmp(bits, [np.packbits(row).tobytes() for row in digits], palette=palette, **options), colours[indices]


def masked_bmp(bits, masks, pixels, **options):
    """Return a BMP of words in which each channel of `pixels` [h, w, c] has the bits of its mask."""
    words = np.zeros(pixels.shape[:2], np.uint32)
    for channel, mask in enumerate(masks):
        lowest = mask & -mask
        words |= np.rint(pixels[..., channel] / 255 * (mask // lowest)).astype(np.uint32) * lowest
    rows = [row.astype(f"<u{bits // 8}").tobytes() for row in words]
    return bmp(bits, rows, masks=masks if options.get("compression") else (), **options)


def gif(size, place, indices, colours, *, own_palette=False, transparent=None, before=b""):
    """Return a GIF of `size` (width, height) whose one frame, indices [h, w] below 128, lies at `place`."""
    palette, height, width = bytes(colours).ljust(768, b"\0"), *indices.shape
    head = b"GIF89a" + struct.pack("<HHBBB", *size, 0x70 if own_palette else 0xF7, 0, 0)
    control = b"" if transparent is None else b"!\xf9\x04\x01\0\0" + bytes([transparent, 0])
    frame = b"," + struct.pack("<HHHHB", *place, width, height, 0x87 if own_palette else 0)
    # Codes of 8 bits: a clear code before every 100 pixels keeps the decoder from widening them.
    flat, codes = indices.ravel().tolist(), []
    for start in range(0, len(flat), 100):
        codes += [128, *flat[start : start + 100]]
    data = bytes([*codes, 129])
    blocks = b"".join(bytes([len(data[n : n + 255])]) + data[n : n + 255] for n in range(0, len(data), 255))
    tables = (b"", palette) if own_palette else (palette, b"")
    return head + tables[0] + before + control + frame + tables[1] + b"\x07" + blocks + b"\0;"
