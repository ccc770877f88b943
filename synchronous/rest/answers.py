"""What TensorFlow Serving's answers over REST mean."""

from typing import Any

import httpx

from ..transport import Prediction, ServingError, refusal

_CODES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}
_CODES |= {429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 501: "UNIMPLEMENTED"}
_CODES |= {502: "UNAVAILABLE", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED"}


def error_of(response: httpx.Response) -> ServingError:
    """Return the error that a response without success means."""
    code = _CODES.get(response.status_code, "UNKNOWN")
    try:
        return refusal(code, str(response.json()["error"]))
    except (ValueError, KeyError, TypeError):  # not from TensorFlow Serving, but from a gateway in front of it
        kind, place = response.headers.get("content-type", "no content type"), response.headers.get("location", "")
        to = f" to {place}" if place else ""
        message = f"HTTP {response.status_code}{to} ({kind}) from something that is not TensorFlow Serving"
        return ServingError("FAILED_PRECONDITION" if code == "INVALID_ARGUMENT" else code, message)


def predictions(answer: Any) -> list[Prediction]:
    """Return the predictions in an answer. A row of a model may hold its one value in a list.

    Raises:
        TypeError, KeyError: the answer is not one label, a text, and one probability, a number, per image.
    """
    rows = answer["predictions"]
    return [Prediction(_only(row["label"], str), _only(row["probability"], float, int)) for row in rows]


def _only(value: Any, *kinds: type) -> Any:
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if type(value) not in kinds:
        raise TypeError(f"{value!r:.80} is not a {kinds[0].__name__}")
    return value
