"""Parse JSON as TensorFlow Serving does: UTF-8 only, with NaN and Infinity, and with its error messages."""

import itertools
import json
import re
from typing import Any

from .errors import invalid

_MESSAGES = {  # of Python's parser, and of TensorFlow Serving's
    "Expecting value": "Invalid value.",
    "Extra data": "The document root must not be followed by other values.",
    "Expecting property name": "Missing a name for object member.",
    "Illegal trailing comma before end of object": "Missing a name for object member.",
    "Illegal trailing comma before end of array": "Invalid value.",
    "Expecting ':' delimiter": "Missing a colon after a name of object member.",
    "Expecting ',' delimiter": "Missing a comma or } after an object member, or a comma or ] after an array element.",
    "Unterminated string": "Missing a closing quotation mark in string.",
    "Invalid \\escape": "Invalid escape character in string.",
    "Invalid \\uXXXX escape": "Incorrect hex digit after \\u escape in string.",
    "Invalid control character": "Invalid encoding in string.",
}
_STRINGS_AND_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|-?\bInf\b|-NaN\b')
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_TOKENS = {"Inf": "Infinity", "-Inf": "-Infinity", "-NaN": "NaN"}  # which Python's parser does not know


class Constant(float):
    """NaN or infinity that was written as such. A number such as 1e400, which no double holds, is a plain float."""


def parse(body: bytes) -> dict[str, Any]:
    """Return the request object in `body`.

    Raises:
        RequestRefused: the body is not a JSON object in UTF-8, a name appears twice in one object, or a text holds one
            half of a surrogate pair.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise invalid(f"JSON Parse error: Invalid value. The body must be UTF-8, at offset: {error.start}") from error
    if not text.strip(" \t\r\n"):
        raise invalid("JSON Parse error: The document is empty. at offset: 0")
    try:
        request = _load(text)
        if _SURROGATE.search(text):
            json.dumps(request, ensure_ascii=False).encode()  # one half of a pair has no UTF-8
    except json.JSONDecodeError as error:
        message = next((ours for theirs, ours in _MESSAGES.items() if error.msg.startswith(theirs)), error.msg)
        offset = len(text[: error.pos].encode(errors="replace"))
        raise invalid(f"JSON Parse error: {message} at offset: {offset}") from error
    except UnicodeEncodeError as error:
        raise invalid("JSON Parse error: The surrogate pair in string is invalid.") from error
    except (ValueError, RecursionError) as error:
        raise invalid(f"JSON Parse error: {error}") from error
    if not isinstance(request, dict):
        raise invalid(f"JSON Value: {quoted(request)} Is not object")
    return request


def _load(text: str) -> Any:
    hooks: dict[str, Any] = {"object_pairs_hook": _members, "parse_constant": Constant}
    try:
        return json.loads(text, **hooks)
    except json.JSONDecodeError:
        known = _STRINGS_AND_TOKENS.sub(lambda found: _TOKENS.get(found[0], found[0]), text)
        if known == text:
            raise
        return json.loads(known, **hooks)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):  # TensorFlow Serving reads the first and ignores the second
        raise ValueError("a name appears twice in one object")
    return members


def is_base64(value: Any) -> bool:
    """Return whether this is `{"b64": ...}`, which stands for bytes."""
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def quoted(value: Any) -> str:
    """Return the start of a value for an error message."""
    text = "".join(itertools.islice(json.JSONEncoder(ensure_ascii=False).iterencode(value), 100))
    return text if len(text) <= 200 else f"{text[:200]}..."
