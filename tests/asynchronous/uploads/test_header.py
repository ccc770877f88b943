import contextlib
import io
import struct
import subprocess
import sys
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from asynchronous.api import MAX_IMAGE_BYTES as MAX_BYTES
from asynchronous.api import ImageTooLarge
from asynchronous.errors import InvalidValue
from asynchronous.uploads.header import MAX_TEXT_BYTES, check


def picture(kind: str, mode: str = "RGB", size: tuple[int, int] = (20, 10)) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size).save(file, kind)
    return file.getvalue()


ALL = [("JPEG", "L"), ("JPEG", "RGB"), ("PNG", "1"), ("PNG", "RGBA"), ("PNG", "P"), ("GIF", "P"), ("BMP", "RGB")]


@pytest.mark.parametrize(("kind", "mode"), ALL)
def test_each_format_that_the_model_reads_is_accepted(kind, mode):
    check(picture(kind, mode))


def with_exif() -> bytes:
    """Return a JPEG as telephones write it: with an orientation, without a density, and with a second picture."""
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (20, 10)).save(file, "MPO", exif=exif, save_all=True, append_images=[Image.new("RGB", (20, 10))])
    return file.getvalue()


def test_the_first_images_of_a_process_import_nothing(tmp_path):
    """An import may take longer than a header may."""
    images = [with_exif(), *(picture(*which) for which in ALL)]
    for number, image in enumerate(images):
        (tmp_path / str(number)).write_bytes(image)
    code = """
import pathlib, sys
from asynchronous.app import create_app
from asynchronous.uploads.header import check
create_app()
before = set(sys.modules)
for path in pathlib.Path(sys.argv[1]).iterdir():
    check(path.read_bytes())
print(*set(sys.modules) - before)
"""
    ran = subprocess.run([sys.executable, "-c", code, tmp_path], check=True, capture_output=True, text=True)
    assert ran.stdout.split() == []


@pytest.mark.parametrize("kind", ["WEBP", "TIFF", "ICO", "PPM", "PDF"])
def test_other_kinds_of_image_are_refused(kind):
    with pytest.raises(InvalidValue, match=r"^image: not a JPEG, PNG, GIF or BMP file$"):
        check(picture(kind, size=(32, 32)))


@pytest.mark.parametrize("size", [(50_000_001, 1), (10_000, 5_001), (20_000, 10_000)])
def test_too_many_pixels_are_refused_by_the_header_alone(size):
    header = bytearray(picture("BMP", size=(1, 1)))
    header[18:26] = size[0].to_bytes(4, "little") + size[1].to_bytes(4, "little")
    with pytest.raises(InvalidValue, match=r"^image: at most 50000000 pixels$"):
        check(bytes(header))


def test_the_limit_itself_is_allowed():
    check(picture("PNG") + bytes(MAX_BYTES - len(picture("PNG"))))
    with pytest.raises(ImageTooLarge, match=r"^image: at most 10485760 bytes$"):
        check(picture("PNG") + bytes(MAX_BYTES))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def unpacked_texts(size: int) -> list[bytes]:
    """Return PNGs with a text or a colour profile of `size` bytes in each of the ways to compress one."""
    packed = zlib.compress(bytes(size))
    kinds = {b"zTXt": b"mxfile\0\0", b"iTXt": b"mxfile\0\1\0\0\0", b"iCCP": b"profile\0\0"}
    png = picture("PNG")
    return [png[:33] + chunk(kind, name + packed) + png[33:] for kind, name in kinds.items()]


def test_a_png_may_hold_long_texts():
    for image in unpacked_texts(MAX_TEXT_BYTES):
        check(image)


def test_a_png_with_texts_that_are_too_long_is_refused_with_the_cause():
    for image in unpacked_texts(MAX_TEXT_BYTES + 1):
        with pytest.raises(
            InvalidValue, match=r"^image: the texts or the colour profile of the PNG are too long; save"
        ):
            check(image)


COSTLY = {
    "profiles": (picture("PNG"), 33, chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(10**6), 9))),
    "chunks": (picture("PNG"), 33, chunk(b"prVt", b"")),
    "comments": (picture("JPEG"), 2, b"\xff\xfe\0\2"),
}


@pytest.mark.parametrize(("image", "place", "part"), COSTLY.values(), ids=COSTLY)
def test_a_header_of_very_many_parts_delays_no_other_request(image, place, part):
    parts = part * ((MAX_BYTES - len(image)) // len(part))
    with pytest.raises(InvalidValue, match=r"^image: its header takes too long to read$"):
        check(image[:place] + parts + image[place:])


def test_large_segments_in_a_header_are_accepted():
    photo, segment = picture("JPEG"), b"\xff\xe1\xff\xff" + bytes(65533)
    check(photo[:2] + segment * 150 + photo[2:])


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([picture(*which) for which in ALL]), st.data())
def test_a_damaged_image_is_either_accepted_or_refused(image, data):
    damaged = bytearray(image)
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(image) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(InvalidValue):
        check(bytes(damaged[: data.draw(st.integers(0, len(damaged)))]))
