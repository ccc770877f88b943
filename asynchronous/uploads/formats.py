"""Take an image from a raw body, from a form's only file, or from base64 in JSON, and check its header."""

import base64
import binascii
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, ClassVar

from fastapi import FastAPI, Request
from pydantic import BaseModel, Field, ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from ..api import IMAGE_BODY, MAX_IMAGE_BYTES, ImageTooLarge, read_image
from ..errors import InvalidValue, ServiceError, documented
from .bounds import TooManyUploads, Upload, Uploads, UploadStalled
from .header import check

_MAX_JSON = (MAX_IMAGE_BYTES + 2) // 3 * 4 + 1024
_MAX_FORM = MAX_IMAGE_BYTES + 64 * 1024


class PredictRequest(BaseModel):
    image_data: str = Field(
        description="A JPEG, PNG, GIF or BMP file of at most 10 MiB, in base64 without line breaks."
    )


class NotAnImageType(ServiceError):
    """The content type is not accepted for an image."""

    status = 415


class BodyTooLarge(ImageTooLarge):
    """The image is too large."""

    headers: ClassVar[Mapping[str, str]] = {"Connection": "close"}  # the rest of the body is not read


class _InMemory(MultiPartParser):
    spool_max_size = _MAX_FORM  # never to a disk, which a container may not have


def add_formats(app: FastAPI) -> None:
    """Replace the lesson's `read_image`."""
    app.state.uploads = Uploads()
    app.dependency_overrides[read_image] = _read_any_format
    app.openapi = _with_formats(app.openapi)  # type: ignore[method-assign]  # FastAPI's documented way to extend it


async def _read_any_format(request: Request) -> AsyncGenerator[bytes, None]:
    with request.app.state.uploads.one(request) as upload:
        image = await _image_of(upload)
        check(image)
        yield image  # FastAPI continues here when the request is over, and the image is in Redis


async def _image_of(upload: Upload) -> bytes:
    content_type = upload.headers.get("content-type", "").split(";")[0].strip().lower()
    readers: dict[str, Callable[[Upload], Awaitable[bytes]]] = {
        "application/json": _from_json,
        "multipart/form-data": _from_form,
    }
    if content_type.startswith("image/"):
        return await _body(upload, MAX_IMAGE_BYTES)
    if content_type not in readers:
        allowed = "image/*, multipart/form-data or application/json"
        raise NotAnImageType(f"content-type: must be {allowed}, not {content_type[:80]!r}")
    return await readers[content_type](upload)


async def _stream(upload: Upload, limit: int) -> AsyncGenerator[bytes, None]:
    too_large = BodyTooLarge(f"image: at most {MAX_IMAGE_BYTES} bytes")
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
        raise InvalidValue(f"image: the form cannot be read: {error}") from None
    files = [part for part in form.values() if isinstance(part, UploadFile)]
    if not files:
        raise InvalidValue("image: the form holds no file")
    return await files[0].read()


async def _from_json(upload: Upload) -> bytes:
    body = await _body(upload, _MAX_JSON)
    try:
        text = PredictRequest.model_validate_json(body).image_data
        return base64.b64decode(text.encode("ascii"), validate=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidValue(f"{'.'.join(map(str, first['loc'])) or 'image_data'}: {first['msg']}") from None
    except (binascii.Error, UnicodeEncodeError) as error:
        raise InvalidValue(f"image_data: not base64: {type(error).__name__}") from None


def _with_formats(openapi: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
    def with_formats() -> dict[str, Any]:
        document = openapi()
        predict = document["paths"]["/predict"]["post"]
        form = {"type": "object", "required": ["image"], "properties": {"image": IMAGE_BODY["image/*"]["schema"]}}
        predict["requestBody"]["content"] |= {
            "multipart/form-data": {"schema": form},
            "application/json": {"schema": PredictRequest.model_json_schema()},
        }
        problem = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        for status, answer in documented(UploadStalled, NotAnImageType, TooManyUploads).items():
            predict["responses"].setdefault(str(status), {"description": answer["description"], "content": problem})
        return document

    return with_formats
