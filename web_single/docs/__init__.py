"""Pages for people: `/docs` without a CDN, behind any prefix, under a strict Content-Security-Policy; one line at `/`.

Protects from: an empty page on machines that cannot reach a CDN, and third-party scripts in your pages.
Costs: 3 MB of scripts and styles, from the package fastapi-offline.
Instead: FastAPI's own /docs, which loads them from a CDN.
Remove: delete this folder and the lines that end with "# optional: docs"
"""

from functools import partial

from fastapi import FastAPI

from .openapi import describe_bodies
from .pages import front, replace_docs

__all__ = ["add_docs"]


def add_docs(app: FastAPI) -> None:
    """Add the pages, and let the OpenAPI document show the body that the model takes."""
    replace_docs(app)
    app.include_router(front)
    app.openapi = partial(describe_bodies, app)  # type: ignore[method-assign]
