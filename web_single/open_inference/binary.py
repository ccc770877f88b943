"""Tensors as bytes: numbers are little-endian, and a text follows its four-byte length."""

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ServiceError
from .requests import DATATYPES


class InvalidTensors(ServiceError):
    """The request is not what its schema describes."""

    status, reason = 400, "invalid"


def from_bytes(raw: memoryview, dtype: str, place: str, may_be_missing: bool) -> NDArray[Any]:
    """Return the values [n] of the input `place`; raise `InvalidTensors` if they are not of the type `dtype`."""
    if dtype == "string":
        return np.array([*_texts(raw, place), None], object)[:-1]
    size = np.dtype(dtype).itemsize
    if len(raw) % size:
        where = f"{place}.parameters.binary_data_size: {len(raw)}"
        raise InvalidTensors(f"{where}, but {len(raw)} bytes follow; {size} bytes for each number")
    # A copy, because the bytes may begin at any address and a tensor must be aligned.
    values = np.frombuffer(raw, np.dtype(dtype).newbyteorder("<")).astype(dtype)
    if dtype == "bool" and (wrong := np.flatnonzero(values.view(np.uint8) > 1)).size:  # the graph would read the number
        raise InvalidTensors(f"{place}.data[{wrong[0]}]: must be 0 or 1, not {raw[wrong[0]]}")
    if values.dtype.kind == "f":
        good = np.isfinite(values) | (np.isnan(values) & may_be_missing)
        if not good.all():
            raise InvalidTensors(f"{place}.data[{np.argmin(good)}]: must be a finite number")
    return values


def to_bytes(values: NDArray[Any]) -> bytes:
    """Return the values of an output as bytes."""
    if values.dtype.name in DATATYPES:
        return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
    texts = [text.encode() for text in values.ravel()]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def _texts(raw: memoryview, place: str) -> list[str]:
    texts: list[str] = []
    start = 0
    while start < len(raw):
        (size,) = struct.unpack_from("<I", raw, start) if start + 4 <= len(raw) else (len(raw),)
        start, stop = start + 4, start + 4 + size
        try:
            if stop > len(raw):
                raise InvalidTensors(f"{place}.data[{len(texts)}]: its text is longer than the bytes that follow")
            texts.append(str(raw[start:stop], "utf-8"))
        except UnicodeDecodeError as error:
            raise InvalidTensors(f"{place}.data[{len(texts)}]: must be UTF-8: {error.reason}") from None
        start = stop
    return texts
