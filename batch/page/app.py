"""Compose the page: its files, the counts of the table, and the last runs if they are recorded."""

from typing import Any

from fastapi import FastAPI

from ..status.last_runs import last_runs  # optional: status
from .files import add_files
from .overview import Overview


def add_page(app: FastAPI) -> None:
    """Serve the page at `/` of the API."""
    runs: Any = None
    runs = last_runs  # optional: status
    add_files(app, Overview(app.state.readers, runs))
