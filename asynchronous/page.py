"""The web page in front of the API: static files, with headers that let them do no more than they need."""

from functools import partial
from os import PathLike, stat_result
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FILES = {"/": "index.html", "/page.css": "page.css", "/page.js": "page.js", "/drawing.js": "drawing.js"}

HEADERS = {
    # All that the page uses is its own, but for pictures that are part of it: the icon and the thumbnails.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",  # ask each time; the answer is a 304 until the file changes
}


class _Page(StaticFiles):
    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(HEADERS)
        return response


def add_page(app: FastAPI) -> None:
    """Serve the page at `/`. Each file has a route of its own: a mount there would turn every 405 into a 404."""
    page = _Page(directory=Path(__file__).with_name("page"))

    async def serve(name: str, request: Request) -> Response:
        return await page.get_response(name, request.scope)

    for path, name in FILES.items():
        app.add_route(path, partial(serve, name), include_in_schema=False)
