"""Serve the page: its files and what it shows, with headers that allow the page no more than it needs.

Twin: web_single/page and batch/page hold this file byte for byte.
"""

from collections.abc import Callable
from os import PathLike, stat_result
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

HEADERS = {
    # The page loads only its own files; `data:` is for the icon.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",  # the browser asks each time; the answer is 304 until the file changes
    "Vary": "Accept",
}


class _PageFiles(StaticFiles):
    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(HEADERS)
        return response


class _ForBrowsers(APIRoute):
    """A route for clients that accept HTML. For other clients the path behaves as if the route did not exist."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http" or not any(b"text/html" in v for n, v in scope["headers"] if n == b"accept"):
            return Match.NONE, {}
        return super().matches(scope)


def add_files(app: FastAPI, shown: Callable[[], dict[str, Any]]) -> None:
    """Serve the page at `/`, and what it shows at `/page.json`."""
    files = _PageFiles(directory=Path(__file__).parent)

    def file(name: str) -> Any:
        async def serve(request: Request) -> Response:
            return await files.get_response(name, request.scope)

        return serve

    def show() -> Response:  # in a thread, since it may use a database
        return JSONResponse(shown(), headers=HEADERS)

    # The first route, so that it is matched before those of other parts.
    app.router.routes.insert(0, _ForBrowsers("/", file("index.html"), include_in_schema=False))
    for name in ("page.css", "page.js"):
        app.add_api_route(f"/{name}", file(name), include_in_schema=False)
    app.add_api_route("/page.json", show, include_in_schema=False)
