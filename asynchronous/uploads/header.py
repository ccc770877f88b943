"""Refuse a file that the model could not use, by its header alone."""

import io
import time
import warnings

from PIL import Image, MpoImagePlugin, PngImagePlugin  # noqa: F401  with TiffImagePlugin, which reads EXIF

from ..api import MAX_IMAGE_BYTES, ImageTooLarge
from ..errors import InvalidValue

MAX_PIXELS = 50_000_000
FORMATS = ("JPEG", "PNG", "GIF", "BMP")
MAX_CPU_SECONDS = 0.1  # a header takes less than a hundredth of it, unless it consists of a million parts
MAX_TEXT_BYTES = 8 * 2**20  # of one text or colour profile of a PNG, unpacked: drawing programs store their files there

PngImagePlugin.MAX_TEXT_CHUNK = MAX_TEXT_BYTES
# Pillow would import its readers at the first image, which can take longer than MAX_CPU_SECONDS.
Image.preinit()


class _BoundedReads(io.BytesIO):
    """Ends the reading of a header that would block all other requests: 10 MiB can hold a million parts."""

    def __init__(self, image: bytes) -> None:
        super().__init__(image)
        self._end = time.thread_time() + MAX_CPU_SECONDS

    def read(self, size: int | None = -1, /) -> bytes:
        if time.thread_time() > self._end:
            raise InvalidValue("image: its header takes too long to read")
        return super().read(size)


def check(image: bytes) -> None:
    """Check that this is an image of one of FORMATS within the limits.

    Raises:
        InvalidValue, ImageTooLarge: it is not.
    """
    if not image:
        raise InvalidValue("image: is empty")
    if len(image) > MAX_IMAGE_BYTES:
        raise ImageTooLarge(f"image: at most {MAX_IMAGE_BYTES} bytes")
    too_many = InvalidValue(f"image: at most {MAX_PIXELS} pixels")
    not_an_image = InvalidValue(f"image: not a {', '.join(FORMATS[:-1])} or {FORMATS[-1]} file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(_BoundedReads(image), formats=FORMATS) as opened:
                pixels = opened.width * opened.height
    except Image.DecompressionBombError:
        raise too_many from None
    except ValueError as error:
        if "MAX_TEXT" not in str(error):  # the limits of PngImagePlugin
            raise not_an_image from error
        fix = "save it without them"
        raise InvalidValue(f"image: the texts or the colour profile of the PNG are too long; {fix}") from error
    except (OSError, EOFError, OverflowError, MemoryError, RuntimeError, TypeError) as error:
        raise not_an_image from error
    if pixels > MAX_PIXELS:
        raise too_many
