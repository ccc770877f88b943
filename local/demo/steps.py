"""One request of the demo, and how it may fail."""

from collections.abc import Callable
from dataclasses import dataclass

import httpx


class DemoFailed(Exception):
    """A pattern did not answer as it should; the message says which request and what came back."""


@dataclass(frozen=True)
class Step:
    """One request: its description, and the call that sends it and returns the answer in words."""

    request: str
    ask: Callable[[], str]


def expect(response: httpx.Response, status: int) -> httpx.Response:
    """Return `response` if it has the `status`; raise `DemoFailed` with its text if not."""
    if response.status_code != status:
        raise DemoFailed(f"{response.url.path} answered {response.status_code}: {response.text[:200]}")
    return response
