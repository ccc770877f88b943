"""Serve the page as static files, with headers that allow them no more than they need."""

from functools import partial
from os import PathLike, stat_result
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from . import sample

FILES = {"/": "index.html", "/page.css": "page.css", "/page.js": "page.js", "/drawing.js": "drawing.js"}

HEADERS = {
    # The page loads only its own files; `data:` is for the icon and the thumbnails.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",  # the browser asks each time; the answer is 304 until the file changes
}


class _PageFiles(StaticFiles):
    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(HEADERS)
        return response


def add_page(app: FastAPI) -> None:
    """Serve the page at `/`. Each file has its own route: a mount at `/` would turn every 405 into a 404."""
    files = _PageFiles(directory=Path(__file__).parent)

    async def serve(name: str, request: Request) -> Response:
        return await files.get_response(name, request.scope)

    for path, name in FILES.items():
        app.add_route(path, partial(serve, name), include_in_schema=False)
    app.include_router(sample.router)
