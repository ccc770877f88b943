"""All four patterns in containers, started once for all tests, and the results that the tests collect."""

from collections.abc import Iterator

import pytest
from rich.console import Console
from rich.table import Table

from tests.batch.conftest import expected as expected
from tests.e2e.composed import Composed

FIGURES = Table("pattern", "requests", "answered correctly", "unanswered", "wrong or lost", "containers killed")


@pytest.fixture(scope="session")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    stack = Composed(tmp_path_factory.mktemp("secrets"))
    try:
        stack.compose("up", "--build", "--wait", "--detach", seconds=1800)
        yield stack
    finally:
        stack.compose("down", "--volumes", "--remove-orphans")
        left = stack.left()
    assert not left, left


def pytest_terminal_summary() -> None:
    Console(width=120).print(FIGURES)
