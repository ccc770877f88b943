"""Take an image out of a request, and refuse what the model could not use before it costs anything."""

import base64
import binascii
import io
import time
import warnings
from collections.abc import AsyncGenerator

from PIL import Image
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from .schemas import PredictRequest
from .uploads import Upload

MAX_BYTES = 10 * 2**20
MAX_PIXELS = 50_000_000
FORMATS = ("JPEG", "PNG", "GIF", "BMP")
HEADER_COST = 0.1  # seconds of CPU; a header takes less than a hundredth of it, unless it is made of a million parts

_MAX_JSON = (MAX_BYTES + 2) // 3 * 4 + 1024
_MAX_FORM = MAX_BYTES + 64 * 1024


class ImageRefused(Exception):
    """This cannot be an image for the model; the message names the field and the limit."""


class ImageTooLarge(ImageRefused):
    """More than MAX_BYTES."""


class NotAnImageType(ImageRefused):
    """The content type is none that an image comes in."""


class _InMemory(MultiPartParser):
    spool_max_size = _MAX_FORM  # never to disk, which a container may not have


async def image_from(upload: Upload) -> bytes:
    """Return the image's bytes as they came: from the raw body, a form's file or base64 in JSON; checked by its header.

    Raises:
        ImageRefused, UploadStalled, TooManyUploads: or a kind of the first.
    """
    content_type = upload.headers.get("content-type", "").split(";")[0].strip().lower()
    if content_type == "application/json":
        image = _from_json(await _body(upload, _MAX_JSON))
    elif content_type.startswith("image/"):
        image = await _body(upload, MAX_BYTES)
    elif content_type == "multipart/form-data":
        image = await _from_form(upload)
    else:
        allowed = "image/*, multipart/form-data or application/json"
        raise NotAnImageType(f"content-type: must be {allowed}, not {content_type[:80]!r}")
    check(image)
    return image


async def _stream(upload: Upload, limit: int) -> AsyncGenerator[bytes, None]:
    too_large = ImageTooLarge(f"image: at most {MAX_BYTES} bytes")
    if int(upload.headers.get("content-length", "0")) > limit:
        raise too_large
    async for chunk in upload.stream():
        if upload.bytes > limit:
            raise too_large
        yield chunk


async def _body(upload: Upload, limit: int) -> bytes:
    return b"".join([chunk async for chunk in _stream(upload, limit)])


async def _from_form(upload: Upload) -> bytes:
    try:
        form = await _InMemory(upload.headers, _stream(upload, _MAX_FORM), max_files=1, max_fields=16).parse()
    except (MultiPartException, KeyError) as error:  # KeyError: no boundary
        raise ImageRefused(f"image: the form cannot be read: {error}") from None
    files = [part for part in form.values() if isinstance(part, UploadFile)]
    if not files:
        raise ImageRefused("image: the form holds no file")
    return await files[0].read()


def _from_json(body: bytes) -> bytes:
    try:
        text = PredictRequest.model_validate_json(body).image_data
        return base64.b64decode(text.encode("ascii"), validate=True)
    except ValidationError as error:
        raise ImageRefused(f"image_data: {error.errors(include_input=False)[0]['msg']}") from None
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ImageRefused(f"image_data: not base64: {type(error).__name__}") from None


class _Header(io.BytesIO):
    """Ends the reading of a header that would hold up all other callers: 10 MiB can be a million parts to look at."""

    def __init__(self, image: bytes) -> None:
        super().__init__(image)
        self._until = time.thread_time() + HEADER_COST

    def read(self, size: int | None = -1, /) -> bytes:
        if time.thread_time() > self._until:
            raise ImageRefused("image: its header takes too long to read")
        return super().read(size)


def check(image: bytes) -> None:
    """Refuse what is not an image of one of FORMATS within the limits, by its header alone.

    Raises:
        ImageRefused: or one of its kinds.
    """
    if not image:
        raise ImageRefused("image: is empty")
    if len(image) > MAX_BYTES:
        raise ImageTooLarge(f"image: at most {MAX_BYTES} bytes")
    too_many = ImageRefused(f"image: at most {MAX_PIXELS} pixels")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(_Header(image), formats=FORMATS) as opened:
                pixels = opened.width * opened.height
    except Image.DecompressionBombError:
        raise too_many from None
    except (OSError, ValueError, EOFError, OverflowError, MemoryError, RuntimeError, TypeError) as error:
        raise ImageRefused(f"image: not a {', '.join(FORMATS[:-1])} or {FORMATS[-1]} file") from error
    if pixels > MAX_PIXELS:
        raise too_many
