"""The pages and their files. All links are relative, so that a proxy may strip a prefix.

Twin: web_single/docs, asynchronous/docs and batch/api hold this file byte for byte.
"""

from importlib.resources import as_file, files

from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse, PlainTextResponse, Response

POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
POLICY += "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
HEADERS = {"content-security-policy": POLICY, "x-content-type-options": "nosniff"}
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<link rel="icon" href="docs/favicon.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
<div id="page"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</html>
"""
# Requests from the page go to the server that sent it, whatever the server believes its own address to be.
START = """fetch("openapi.json").then((answer) => answer.json()).then((spec) => SwaggerUIBundle({
  spec: { ...spec, servers: [{ url: new URL(".", location.href).pathname.replace(/\\/$/, "") || "/" }] },
  dom_id: "#page",
  deepLinking: true,
}));
"""
FILES = {"swagger-ui-bundle.js", "swagger-ui.css", "favicon.png"}
front, router = APIRouter(include_in_schema=False), APIRouter(include_in_schema=False)


def replace_docs(app: FastAPI) -> None:
    """Replace FastAPI's own pages with these."""
    replaced = {app.docs_url, app.redoc_url, app.swagger_ui_oauth2_redirect_url}
    app.router.routes[:] = [route for route in app.router.routes if getattr(route, "path", "") not in replaced]
    app.include_router(router)


@front.get("/")
async def root(request: Request) -> Response:
    """What this is, in one line, and where to read more."""
    app, prefix = request.app, request.scope.get("root_path", "")
    return PlainTextResponse(f"{app.title}, version {app.version}. How to use it: {prefix}/docs\n", headers=HEADERS)


@router.get("/docs")
async def docs(request: Request) -> Response:
    """The OpenAPI page, to read and to try."""
    return HTMLResponse(PAGE.format(title=request.app.title), headers=HEADERS)


@router.get("/docs/start.js")
async def start() -> Response:
    """The script that opens the page."""
    return Response(START, media_type="text/javascript", headers=HEADERS)


@router.get("/docs/{name}")
async def file(name: str) -> Response:
    """A file of Swagger UI."""
    if name not in FILES:
        raise HTTPException(404)
    with as_file(files("fastapi_offline") / "static" / name) as path:
        return FileResponse(path, headers=HEADERS)
