"""The server that the client's tests ask: the addresses in SERVING_GRPC and SERVING_REST, or a server of their own."""

import os

import pytest

from tests.conftest import Serving


@pytest.fixture(scope="session")
def digits(request: pytest.FixtureRequest) -> Serving:
    """The addresses of a server of the digits model."""
    if "SERVING_GRPC" in os.environ and "SERVING_REST" in os.environ:
        return Serving(os.environ["SERVING_GRPC"], os.environ["SERVING_REST"])
    return request.getfixturevalue("serving")
