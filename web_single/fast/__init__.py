"""The shortest path from the server to the two POST endpoints.

Protects from: the CPU time of FastAPI's own request handling.
Costs: dependencies that you add to these two routes, to the router or to the application do not run.
Instead: more workers, or fewer and larger requests.
Remove: delete this folder and the lines that end with "# optional: fast"
"""

from functools import partial

from fastapi import FastAPI
from fastapi.routing import APIRoute

from ..api import label_router, predict, predict_label, router
from .fast_path import FastPath
from .stack import build_middleware_stack


def add_fast(app: FastAPI) -> None:
    """Answer POST /predict and POST /predict/label without FastAPI's request handling."""
    routers = [router, label_router] if app.state.model.task == "classification" else [router]
    routes = [route for each in routers for route in each.routes if isinstance(route, APIRoute)]
    fast = [route for route in routes if route.endpoint in (predict, predict_label)]
    app.add_middleware(FastPath, routes=fast, state=app.state)
    app.build_middleware_stack = partial(build_middleware_stack, app)  # type: ignore[method-assign]
