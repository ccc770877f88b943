"""Read the bodies of requests within bounds: of time, and of memory for all of them."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

from fastapi import Request

STALLED = 15  # seconds without a byte: a caller that lost its network would otherwise hold what it has sent for ever
MAX_BYTES = 64 * 2**20  # of all uploads; a body and what is taken out of it need two to three times as much memory


class UploadStalled(Exception):
    """Nothing came for STALLED seconds."""


class TooManyUploads(Exception):
    """MAX_BYTES are in memory and not yet in Redis."""


class Upload:
    """What one request has sent."""

    def __init__(self, request: Request, uploads: "Uploads") -> None:
        self.headers, self._request, self._uploads, self.bytes = request.headers, request, uploads, 0

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Give the body as it comes.

        Raises:
            UploadStalled, TooManyUploads: the rest is not read.
        """
        chunks = self._request.stream()
        while True:
            try:
                async with asyncio.timeout(STALLED):
                    chunk = await anext(chunks, None)
            except TimeoutError:
                raise UploadStalled(f"image: nothing came for {STALLED} s") from None
            if chunk is None:
                return
            if self._uploads.bytes + len(chunk) > MAX_BYTES:
                raise TooManyUploads
            self._uploads.bytes += len(chunk)
            self.bytes += len(chunk)
            yield chunk


class Uploads:
    """All uploads of this process that are under way."""

    def __init__(self) -> None:
        self.bytes = 0

    @contextmanager
    def one(self, request: Request) -> Iterator[Upload]:
        """Count what `request` sends for as long as the context lasts."""
        upload = Upload(request, self)
        try:
            yield upload
        finally:
            self.bytes -= upload.bytes
