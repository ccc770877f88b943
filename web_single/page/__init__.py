"""A page in the browser, at `/`: move a slider for each input of the model, see its answer, copy the same call as curl.

Protects from: nothing; it shows what the model answers, and how a client asks it.
Costs: four static files, and one more route at `/` for clients that accept HTML.
Instead: `/docs`, where a request can also be tried.
Remove: delete this folder and the lines that end with "# optional: page"
"""

from pathlib import Path

from fastapi import FastAPI

from .description import describe
from .files import add_files


def add_page(app: FastAPI, model_dir: Path) -> None:
    """Serve the page at `/`; the golden rows in the model's folder determine the range of its sliders."""
    described = describe(app.state.model, model_dir)
    add_files(app, lambda: described)
