"""The pages in a real browser. Their own policy forbids it to load anything from other hosts."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect

from local.processes import wait_until
from local.servers import free_port
from web_single.app import build_app
from web_single.model import Model
from web_single.settings import Settings

from ..running import Service

TIMEOUT = 60_000  # milliseconds


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    faults: list[str] = []
    context = browser.new_context()
    context.set_default_timeout(TIMEOUT)
    page = context.new_page()
    page.on("console", lambda message: message.type == "error" and faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda asked: asked.url.startswith(("http://127.0.0.1", "data:")) or faults.append(asked.url))
    yield page
    context.close()
    assert faults == []


def test_a_prediction_can_be_tried_on_the_page(page: Page, service: Callable[..., Service]) -> None:
    running = service("--workers", "1")
    page.goto(f"http://127.0.0.1:{running.port}/docs")
    try_out(page)


def test_the_page_works_behind_a_proxy_that_strips_a_prefix(page: Page, settings: Settings, model: Model) -> None:
    service = build_app(settings, model)

    async def strip(scope, receive, send):
        prefix, found, path = scope["path"].partition("/models/iris")
        assert (prefix, bool(found)) == ("", True)
        await service({**scope, "path": path}, receive, send)

    with run(strip) as url:
        page.goto(f"{url}/models/iris/docs")
        try_out(page)


@contextmanager
def run(app: object) -> Iterator[str]:
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, lifespan="off", log_config=None))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def try_out(page: Page) -> None:
    page.get_by_text("/predict/label", exact=True).first.click(timeout=TIMEOUT)
    page.get_by_role("button", name="Try it out").click(timeout=TIMEOUT)
    page.get_by_role("button", name="Execute").click(timeout=TIMEOUT)
    expect(page.locator(".live-responses-table")).to_contain_text("setosa", timeout=TIMEOUT)
