"""Every kind of image file is decoded as a viewer shows it, or refused with the reason."""

import io
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from models.image_files.decode import decode, inspect

from .image_samples import HEIGHT, PICTURE, WIDTH, bmp, exif, gif, gradient, indexed_bmp, masked_bmp, saved, shown

BEST = {"quality": 98, "subsampling": 0}
JPEG_LOSS = 8  # of 255
PIXEL_ROWS = [row[:, ::-1].tobytes() for row in gradient()]


@pytest.fixture(scope="module")
def pixels():
    """Decode one file as the served graph does."""
    spec = tf.TensorSpec([None], tf.string)
    graph = tf.function(
        lambda files: decode(tf.nest.map_structure(lambda each: each[0], inspect(files))), [spec], autograph=False
    )
    return lambda data: graph(tf.constant([data])).numpy()


@pytest.fixture
def refused(pixels):
    def refused(data, reason):
        with pytest.raises(tf.errors.InvalidArgumentError, match=reason):
            pixels(data)

    return refused


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize(("order", "kind", "before"), [("<", 3, 0), (">", 3, 3), ("<", 4, 40), (">", 4, 0)])
def test_a_photograph_is_upright_whatever_its_orientation(pixels, orientation, order, kind, before):
    block = exif(orientation, order, kind, before)
    for data in (saved(PICTURE, "JPEG", **BEST, exif=block), saved(PICTURE, "PNG", exif=block)):
        expected = shown(data)
        assert expected.shape[:2] == ((WIDTH, HEIGHT) if 5 <= orientation <= 8 else (HEIGHT, WIDTH))
        np.testing.assert_allclose(pixels(data), expected, atol=JPEG_LOSS)


def jpeg_segment(marker, content):
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def png_chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def with_exif(data, *blocks):
    """Return a JPEG or PNG with each of the blocks as a segment of EXIF."""
    if data.startswith(b"\xff"):
        return data[:2] + b"".join(jpeg_segment(0xE1, block) for block in blocks) + data[2:]
    return data[:33] + b"".join(png_chunk(b"eXIf", block) for block in blocks) + data[33:]


def entry(orientation, kind=3, count=1, order="<"):
    value = {1: "BBH", 3: "HH", 4: "I", 8: "HH", 9: "I"}[kind]
    return struct.pack(f"{order}HHI{value}", 0x0112, kind, count, *[orientation, 0, 0][: len(value)])


def directory(*entries, mark=b"II", magic=42, order="<"):
    head = b"Exif\0\0" + mark + struct.pack(f"{order}HIH", magic, 8, len(entries))
    return head + b"".join(entries) + bytes(4)


ODD_EXIF = {
    "name twice": [b"Exif\0\0" + exif(6)],
    "an empty segment first": [b"Exif\0\0", exif(6)],
    "a segment without orientation first": [directory(), exif(6)],
    "another magic number": [directory(entry(6), magic=43)],
    "the magic number in the other order": [directory(entry(6, order=">"), mark=b"MM", magic=42 << 8, order=">")],
    "another name": [b"Exif\0\xff" + exif(6)[6:]],
    "a byte": [directory(entry(6, kind=1))],
    "signed shorts": [directory(entry(6, kind=8))],
    "a signed long": [directory(entry(6, 9, order=">"), mark=b"MM", order=">")],
    "no value": [directory(entry(6, count=0))],
    "three values": [directory(entry(6, count=3))],
    "two orientations": [directory(entry(6), entry(8))],
    "an invalid orientation first": [directory(entry(9), entry(8))],
}


@pytest.mark.filterwarnings("ignore:Metadata Warning")
@pytest.mark.parametrize("blocks", ODD_EXIF.values(), ids=ODD_EXIF)
def test_odd_exif_turns_a_photograph_as_pillow_does(pixels, blocks):
    data = with_exif(saved(PICTURE, "JPEG", **BEST), *blocks)
    np.testing.assert_allclose(pixels(data), shown(data), atol=JPEG_LOSS)


def test_the_exif_of_a_png_may_begin_with_its_name(pixels):
    data = with_exif(saved(PICTURE, "PNG"), exif(6))
    np.testing.assert_array_equal(pixels(data), np.rot90(gradient(), -1))


def test_an_orientation_outside_exif_is_ignored(pixels):
    profile = b"\nexif\n%8d\n%s\n" % (len(exif(6)), exif(6).hex().encode())
    xmp = b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'
    png = saved(PICTURE, "PNG")
    text = png_chunk(b"tEXt", b"Raw profile type exif\0" + profile)
    text += png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)
    np.testing.assert_array_equal(pixels(png[:33] + text + png[33:]), gradient())
    np.testing.assert_allclose(pixels(saved(PICTURE, "JPEG", **BEST, xmp=xmp)), gradient(), atol=JPEG_LOSS)


def test_the_orientation_of_the_thumbnail_is_ignored(pixels):
    block = exif(1)[:-4] + struct.pack("<I", 26) + exif(6)[14:]  # a second directory follows the first
    data = saved(PICTURE, "JPEG", **BEST, exif=block)
    np.testing.assert_allclose(pixels(data), gradient(), atol=JPEG_LOSS)


def test_exif_is_found_after_other_segments_and_fill_bytes(pixels):
    data = saved(PICTURE, "JPEG", **BEST, exif=exif(6), icc_profile=bytes(200_000), comment=b"Exif\0\0" * 9)
    start = data.index(b"\xff\xe1")
    data = data[:start] + b"\xff\xe1\0\x20http://ns.adobe.com/xap/1.0/\0\xff\xff" + data[start:]
    np.testing.assert_allclose(pixels(data), np.rot90(gradient(), -1), atol=JPEG_LOSS)


@pytest.mark.parametrize("cut", [0, 4, 9, 17])
def test_damaged_exif_leaves_the_photograph_as_it_is(pixels, cut):
    data = saved(PICTURE, "JPEG", **BEST, exif=exif(6)[: 6 + cut])
    np.testing.assert_allclose(pixels(data), gradient(), atol=JPEG_LOSS)


def test_files_of_all_kinds_in_one_batch_keep_their_own_orientation():
    files = [saved(PICTURE, "PNG"), saved(PICTURE, "BMP"), saved(PICTURE, "JPEG", exif=exif(8, before=30))]
    files += [saved(PICTURE, "GIF"), saved(PICTURE, "PNG", exif=exif(3, ">")), saved(PICTURE, "JPEG", exif=exif(6))]
    assert inspect(tf.constant(files)).orientation.numpy().tolist() == [1, 1, 8, 1, 3, 6]
    assert inspect(tf.constant(files[:2])).orientation.numpy().tolist() == [1, 1]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_png_of_every_mode(pixels, mode):
    image = PICTURE.convert("RGBA")
    image.putalpha(Image.fromarray(gradient()[..., 0]))
    data = saved(image.convert(mode), "PNG")
    np.testing.assert_allclose(pixels(data), shown(data), atol=0.51)


@pytest.mark.parametrize(
    ("image", "transparency"),
    [
        (PICTURE, tuple(gradient()[5, 5].tolist())),
        (PICTURE.convert("L"), int(np.asarray(PICTURE.convert("L"))[5, 5])),
        (PICTURE.convert("1"), 0),
        (PICTURE.quantize(25), 3),
        (PICTURE.quantize(25), bytes(range(0, 250, 10))),
    ],
)
def test_png_with_transparent_colours(pixels, image, transparency):
    data = saved(image, "PNG", transparency=transparency)
    assert (shown(data) != np.asarray(image.convert("RGB"))).any()
    np.testing.assert_allclose(pixels(data), shown(data), atol=0.51)


def test_png_with_16_bits_keeps_the_high_ones(pixels):
    deep = (gradient()[..., 0].astype(np.uint16) << 8) + 200
    np.testing.assert_array_equal(pixels(saved(Image.fromarray(deep), "PNG"))[..., 1], gradient()[..., 0])


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_of_every_mode(pixels, mode, progressive):
    data = saved(PICTURE.convert(mode), "JPEG", **BEST, progressive=progressive)
    np.testing.assert_allclose(pixels(data), shown(data), atol=JPEG_LOSS)


def test_cmyk_that_does_not_say_how_it_is_stored_is_refused(refused):
    data = saved(PICTURE.convert("CMYK"), "JPEG").replace(b"\xff\xee\x00\x0eAdobe", b"\xff\xee\x00\x0eOther")
    refused(data, "a CMYK JPEG does not say how its colours are stored; save the image as RGB")


@pytest.mark.parametrize("content", [b"Adobx\0\x64\0\0\0\0\0", b"Adobe\0\x64\0\0\0\0", b"Adobe"])
@pytest.mark.parametrize("frame", [0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA])
def test_cmyk_whose_colours_decoders_must_guess_is_refused(refused, content, frame):
    data = saved(PICTURE.convert("CMYK"), "JPEG")
    start = data.index(b"\xff\xee")
    data = data[:start] + jpeg_segment(0xEE, content) + data[start + 16 :]
    refused(data.replace(b"\xff\xc0", bytes([0xFF, frame]), 1), "a CMYK JPEG does not say how its colours are stored")


@pytest.mark.parametrize("own_palette", [False, True])
@pytest.mark.parametrize("before", [b"", b"!\xfe\x03abc\x02de\0!\xff\x0bNETSCAPE2.0\x03\1\0\0\0"])
@pytest.mark.parametrize("size", [(WIDTH, HEIGHT), (WIDTH + 9, HEIGHT + 7)])
def test_what_a_gif_does_not_draw_is_white(pixels, own_palette, before, size):
    colours, indices = np.arange(300).astype(np.uint8), gradient()[..., 0] // 4
    data = gif(size, (4, 3) if size[0] > WIDTH else (0, 0), indices, colours, own_palette=own_palette, before=before)
    transparent = gif(size, (0, 0), indices, colours, own_palette=own_palette, before=before, transparent=0)
    np.testing.assert_array_equal(pixels(transparent)[0, 0], [255, 255, 255])
    np.testing.assert_array_equal(pixels(data)[-1, 0], [255] * 3 if size[0] > WIDTH else [0, 1, 2])
    np.testing.assert_array_equal(pixels(transparent)[5, 20], colours[3 * indices[5, 20] :][:3])


@pytest.mark.parametrize("place", [(0, 0), (4, 3), (19, 17)])
@pytest.mark.parametrize("size", [(0, 0), (20, 10), (WIDTH, HEIGHT), (WIDTH + 19, HEIGHT + 17)])
def test_the_first_frame_of_a_gif_lies_in_its_place_on_the_canvas(pixels, size, place):
    data = gif(size, place, gradient()[..., 0] // 4, np.arange(300).astype(np.uint8), transparent=0)
    np.testing.assert_array_equal(pixels(data), shown(data))


def test_a_small_first_frame_is_not_stretched_by_a_larger_second_one(pixels):
    indices, colours = gradient()[..., 0] // 4, np.arange(300).astype(np.uint8)
    first = gif((WIDTH, HEIGHT), (5, 6), indices[:8, :9], colours, transparent=0)
    second = gif((WIDTH, HEIGHT), (0, 0), indices, colours, transparent=0)
    data = first[:-1] + second[13 + 768 :]
    assert Image.open(io.BytesIO(data)).n_frames == 2
    np.testing.assert_array_equal(pixels(data), shown(data))


def peak_memory():
    """Return the most memory of this process since `clear_refs` was written, in MiB."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) // 1024


def test_only_the_first_frame_of_an_animation_is_decoded(pixels):
    data = saved(Image.new("P", (2000, 2000)), "GIF")
    frame = data[data.index(b"," + struct.pack("<HHHH", 0, 0, 2000, 2000)) : -1]
    assert pixels(data).shape == (512, 512, 3)
    Path("/proc/self/clear_refs").write_text("5")
    before = peak_memory()
    assert pixels(data[:-1] + 100 * frame + b";").shape == (512, 512, 3)
    assert peak_memory() - before < 200  # all frames take 800


@pytest.mark.parametrize("size", [1, 7, 254])
def test_the_blocks_of_a_gif_may_have_any_size(pixels, size):
    data = gif(PICTURE.size, (0, 0), gradient()[..., 0] // 4, np.arange(300).astype(np.uint8))
    start = data.index(b"\x07\xff") + 1
    codes = b"".join(data[n + 1 : n + 1 + data[n]] for n in range(start, len(data) - 2, 256))
    blocks = [codes[n : n + size] for n in range(0, len(codes), size)]
    smaller = data[:start] + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0;"
    np.testing.assert_array_equal(pixels(smaller), pixels(data))


def test_a_gif_of_very_many_blocks_is_refused(refused):
    data = gif(PICTURE.size, (0, 0), gradient()[..., 0] // 4, bytes(3))
    refused(data[: data.index(b"\x07\xff") + 1] + b"\1x\2xx" * 3_000 + b"\0;", "consists of very many small blocks")


@pytest.mark.parametrize("options", [{}, {"transparency": 2}, {"interlace": 1}, {"comment": bytes(5000)}])
def test_an_animation_shows_its_first_frame(pixels, options):
    other = Image.new("P", PICTURE.size, 7)
    data = saved(PICTURE.quantize(30), "GIF", save_all=True, append_images=[other, other], **options)
    np.testing.assert_allclose(pixels(data), shown(data), atol=0.51)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("options", [{}, {"top_down": True}, {"size": 12}, {"size": 124}])
def test_bmp_with_a_palette(pixels, bits, options):
    data, expected = indexed_bmp(bits, **options)
    np.testing.assert_array_equal(pixels(data), expected)


@pytest.mark.parametrize(
    ("bits", "masks", "options"),
    [
        (16, (0x7C00, 0x3E0, 0x1F), {}),
        (16, (0xF800, 0x7E0, 0x1F), {"compression": 3}),
        (16, (0xF800, 0x7E0, 0x1F), {"compression": 3, "size": 108, "top_down": True}),
        (32, (0xFF0000, 0xFF00, 0xFF), {}),
        (32, (0xFF, 0xFF00, 0xFF0000), {"compression": 3}),
        (32, (0x3FF00000, 0xFFC00, 0x3FF), {"compression": 3, "size": 56}),
        (32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000), {"compression": 3, "size": 124}),
        (32, (0xFF000000, 0xFF0000, 0xFF00, 0xFF), {"compression": 6}),
    ],
)
def test_bmp_with_the_bits_of_each_channel_in_a_mask(pixels, bits, masks, options):
    opacity = np.full((HEIGHT, WIDTH, 1), 255, np.uint8)
    opacity[:9] = 51
    data = masked_bmp(bits, masks, np.concatenate([gradient(), opacity], -1), **options)
    expected = gradient() * 1.0
    if len(masks) == 4:
        expected[:9] = 255 - (255 - expected[:9]) * 0.2
    np.testing.assert_allclose(pixels(data), expected, atol=4.2 if bits == 16 else 0.51)


def test_opacity_that_is_zero_everywhere_is_taken_for_unused(pixels):
    clear = np.concatenate([gradient(), np.zeros((HEIGHT, WIDTH, 1), np.uint8)], -1)
    data = masked_bmp(32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000), clear, compression=3, size=124)
    np.testing.assert_array_equal(pixels(data), gradient())


def test_bmp_that_cannot_be_read_right_is_refused(refused, pixels):
    translucent = PICTURE.convert("RGBA")
    translucent.putalpha(Image.fromarray(gradient()[..., 0]))
    refused(saved(translucent, "BMP"), "a fourth channel that it does not declare as opacity; save the image as PNG")
    for compression in (1, 2, 4, 5):
        refused(indexed_bmp(8, compression=compression)[0], "is compressed; save the image without compression, or as")
    refused(indexed_bmp(8, used=4)[0], "the palette of the BMP is too short")
    refused(indexed_bmp(4)[0][:-1], "the BMP ends before its last pixel")
    refused(bmp(24, []), "the BMP has no pixels")
    refused(indexed_bmp(8, size=64)[0], "a header of an unknown kind")


@pytest.mark.parametrize("start", [0, 13, 53, 54 + 1023])
def test_a_bmp_whose_pixels_begin_in_its_header_is_refused(refused, start):
    for data in (indexed_bmp(8)[0], indexed_bmp(8, used=256)[0], *([bmp(24, PIXEL_ROWS)] if start < 54 else [])):
        refused(data[:10] + struct.pack("<I", start) + data[14:], "the pixels of the BMP begin in its header")


def test_a_bmp_whose_pixels_begin_in_its_masks_is_refused(refused, pixels):
    data = masked_bmp(32, (0xFF, 0xFF00, 0xFF0000), gradient(), compression=3)
    np.testing.assert_array_equal(pixels(data), gradient())
    refused(data[:10] + struct.pack("<I", 65) + data[14:], "the pixels of the BMP begin in its header")


def test_a_bmp_that_ends_before_its_pixels_is_refused(refused):
    for data in (bmp(24, PIXEL_ROWS), indexed_bmp(8)[0]):
        refused(data[:10] + struct.pack("<I", 2**31 - 1) + data[14:], "the BMP ends before its last pixel")
        refused(data[:54], "the BMP ends before its last pixel")


def test_a_very_wide_image_keeps_its_width(pixels):
    black = Image.new("1", (5_000_000, 1))
    black.paste(1, (2_500_000, 0, 5_000_000, 1))
    expected = np.repeat([0, 255], 256)[np.newaxis, :, np.newaxis].repeat(3, 2)
    np.testing.assert_allclose(pixels(saved(black, "BMP")), expected, atol=0.01)


SIZES = {"PNG": (16, ">II"), "BMP": (18, "<ii"), "GIF": (6, "<HH"), "JPEG": (163, ">HH")}  # in files of Pillow


def with_size(kind, width, height):
    """Return a small file whose header names another size."""
    data, (place, form) = bytearray(saved(PICTURE, kind)), SIZES[kind]
    assert set(struct.unpack_from(form, data, place)) == {WIDTH, HEIGHT}
    struct.pack_into(form, data, place, *((height, width) if kind == "JPEG" else (width, height)))
    return bytes(data)


@pytest.mark.parametrize(
    ("kind", "width", "height"),
    [
        ("PNG", 50_000_001, 1),
        ("PNG", 2**32 - 1, 2**32 - 1),
        ("BMP", 10_000, -5_001),
        ("BMP", 2**31 - 1, -(2**31)),
        ("GIF", 10_000, 5_001),
        ("JPEG", 65_535, 763),
    ],
)
def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded(refused, kind, width, height):
    refused(with_size(kind, width, height), "each image must have at most 50000000 pixels; make it smaller")


def test_the_frame_of_a_gif_counts_as_well_as_its_canvas(refused):
    data = gif((9, 9), (0, 40_000), gradient()[..., 0] // 4, bytes(3))
    refused(
        data.replace(struct.pack("<HH", WIDTH, HEIGHT), struct.pack("<HH", 1_000, 20_000)), "at most 50000000 pixels"
    )


def test_the_limit_of_pixels_is_allowed(refused):
    refused(with_size("BMP", 10_000, 5_000), "the BMP ends before its last pixel")


@pytest.mark.parametrize("kind", ["WEBP", "TIFF", "PPM"])
def test_a_file_of_another_kind_is_refused(refused, kind):
    refused(saved(PICTURE, kind), "each image must be a JPEG, PNG, GIF or BMP file")


def test_a_truncated_file_is_refused(refused):
    for kind in ("JPEG", "PNG", "GIF", "BMP"):
        refused(saved(PICTURE, kind)[:-60], "JPEG|PNG|GIF|BMP")


def test_a_file_of_endless_segments_is_refused(refused):
    refused(b"\xff\xd8\xff" + bytes(20_000), "an image has more than 5000 segments")
    indices = np.zeros((HEIGHT, WIDTH), np.uint8)
    endless = gif(PICTURE.size, (0, 0), indices, bytes(3), before=b"!\xfe" + b"\1x" * 6_000 + b"\0")
    refused(endless, "the GIF has no frame in its first 5000 blocks")


def test_transparent_pixels_do_not_colour_their_neighbours_when_an_image_is_shrunk(pixels):
    striped = np.zeros((600, 1200, 4), np.uint8)
    striped[:, ::2] = 255  # white lines between transparent black ones
    np.testing.assert_array_equal(pixels(saved(Image.fromarray(striped), "PNG")), np.full((256, 512, 3), 255))


def test_a_large_photograph_is_shrunk_and_turned(pixels):
    data = saved(Image.fromarray(gradient(900, 1100)), "JPEG", **BEST, exif=exif(6))
    assert pixels(data).shape == (512, 418, 3)
    np.testing.assert_allclose(pixels(data)[0, -1], gradient(900, 1100)[0, 0], atol=JPEG_LOSS + 4)


def test_a_jpeg_of_very_many_scans_is_refused(pixels, refused):
    data = saved(Image.fromarray(gradient()[..., 0]), "JPEG", progressive=True)
    scan = data[data.rfind(b"\xff\xc4", 0, data.rfind(b"\xff\xda")) : -2]
    own = data.count(b"\xff\xda\x00")
    assert pixels(data[:-2] + scan * (100 - own) + data[-2:]).shape == (HEIGHT, WIDTH, 3)
    refused(data[:-2] + scan * (101 - own) + data[-2:], "a JPEG has more than 100 scans; save the image again")
