"""Read the bodies of requests within two bounds: the time without a byte, and the memory of all uploads."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

from fastapi import Request

from ..errors import ServiceError

STALL_SECONDS = 15  # without a byte: otherwise the upload of a client that lost its network would use memory forever
MAX_BYTES = 64 * 2**20  # of all uploads; a body and the image taken from it need two to three times as much memory


class UploadStalled(ServiceError):
    """The upload stalled."""

    status, headers = 408, {"Connection": "close"}  # the rest of the body is not read


class TooManyUploads(ServiceError):
    """Too many bytes are being uploaded at the same time, and nothing was accepted."""

    status, headers = 503, {"Connection": "close", "Retry-After": "5"}


class Upload:
    """The body of one request."""

    def __init__(self, request: Request, uploads: "Uploads") -> None:
        self.headers, self._request, self._uploads, self.bytes = request.headers, request, uploads, 0

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Yield the body's chunks as they arrive.

        Raises:
            UploadStalled, TooManyUploads: the rest is not read.
        """
        chunks = self._request.stream()
        while True:
            try:
                async with asyncio.timeout(STALL_SECONDS):
                    chunk = await anext(chunks, None)
            except TimeoutError:
                raise UploadStalled(f"image: nothing came for {STALL_SECONDS} s") from None
            if chunk is None:
                return
            if self._uploads.bytes + len(chunk) > MAX_BYTES:
                raise TooManyUploads(f"image: {MAX_BYTES} bytes are being uploaded, try again later")
            self._uploads.bytes += len(chunk)
            self.bytes += len(chunk)
            yield chunk


class Uploads:
    """The uploads of this process that are not yet in Redis."""

    def __init__(self) -> None:
        self.bytes = 0

    @contextmanager
    def one(self, request: Request) -> Iterator[Upload]:
        """Count the bytes of `request` for as long as the context lasts."""
        upload = Upload(request, self)
        try:
            yield upload
        finally:
            self.bytes -= upload.bytes
