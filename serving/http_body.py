"""The body of a REST request, unpacked if it was sent with Content-Encoding: gzip, as in TensorFlow Serving."""

import zlib

from .errors import invalid

LARGEST = 100 * 1024 * 1024  # bytes after unpacking, TensorFlow Serving's limit
_GZIP = 31  # zlib's number for a gzip header and trailer


def unpacked(body: bytes, encoding: str) -> bytes:
    """Return the request's bytes.

    Raises:
        RequestRefused: the encoding is not gzip, the body is not one complete gzip member, or it is too large.
    """
    if encoding.lower() in ("", "identity"):
        return body
    if "gzip" not in encoding:
        raise invalid(f"Content-Encoding: {encoding[:100]} is not supported, only gzip")
    unpacker = zlib.decompressobj(_GZIP)
    try:
        content = unpacker.decompress(body, LARGEST)
    except zlib.error as error:
        raise invalid(f"the body is not valid gzip: {error}") from error
    if unpacker.unconsumed_tail:
        raise invalid(f"the body has more than {LARGEST} bytes when it is unpacked")
    if not unpacker.eof or unpacker.unused_data:
        raise invalid("the body is not one complete gzip member")
    return content
