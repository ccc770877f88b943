"""The page in a real browser, in front of the real API."""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import expect
from sqlalchemy import event, func, insert, text, update

from batch.api.app import build_app
from batch.artifact import open_artifact
from batch.embedded import readers
from batch.migrate.schema import REVISION
from batch.page import overview
from batch.page.files import add_files
from batch.page.overview import Overview
from batch.status.last_runs import last_runs
from batch.status.record import record
from batch.status.tables import Outcome, Run
from local.processes import wait_until
from local.servers import free_port
from tests.batch.conftest import add, fill, finish, new_runner

BAD = [5.1, None, 1.4, 0.2]
HOSTILE = "<img src=x onerror=alert(1)>"
expect.set_options(timeout=30_000)


@contextmanager
def serving(app):
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, lifespan="off", log_config=None))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    yield f"http://127.0.0.1:{port}/"
    server.should_exit = True
    thread.join()


@pytest.fixture
def url(sqlite, artifacts):
    with serving(build_app(open_artifact(artifacts / "iris").manifest, sqlite)) as url:
        yield url


@pytest.fixture
def visit(browser, url):  # url, so that each page is closed before its server ends, which the browser would log
    """Open the page; no script fails, no policy is broken, nothing is logged, sent, or requested from another host."""
    contexts, faults = [], []

    def visit(url, **options):
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        # What the browser itself logs of a refusal, which is not a fault of the page.
        page.on("console", lambda said: "status of 503" in said.text or faults.append(said.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda asked: asked.url.startswith((url, "data:")) or faults.append(asked.url))
        page.on("request", lambda asked: asked.method == "GET" or faults.append(asked.method))
        page.goto(url)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert faults == []


def run_job(engine, model):
    runner = new_runner(engine, model)
    with record(runner):
        finish(runner)


def record_run(engine, **values):
    known = {"model_version": 1, "policy": "leave", "scope": "", "host": "node-3", "pid": 41}
    with engine.begin() as connection:
        connection.execute(insert(Run).values(known | values))


def counts(page):
    return [page.locator(f"#{state}") for state in ("pending", "failed", "done")]


def expect_counts(page, *numbers):
    for count, number in zip(counts(page), numbers, strict=True):
        expect(count).to_have_text(number)


def test_counts_and_runs_appear_by_themselves(visit, url, sqlite, model):
    page = visit(url)
    expect_counts(page, "0", "0", "0")
    expect(page.get_by_role("listitem")).to_have_count(0)
    fill(sqlite, 1200)
    add(sqlite, BAD)
    expect_counts(page, "1,201", "0", "0")
    run_job(sqlite, model)
    expect_counts(page, "0", "1", "1,200")
    expect(page.get_by_role("listitem")).to_contain_text("1,200 done, 1 failed")
    expect(page.locator(".state")).to_have_text("rows failed")


def test_a_running_and_a_lost_run_are_told_apart_and_their_texts_are_text(visit, url, sqlite):
    record_run(sqlite, rows_done=7, seen_at=func.datetime("now", "-1 hour"))
    record_run(sqlite, rows_done=2000, host=HOSTILE, scope="--since 2026-01-01")
    page = visit(url)
    running, lost = page.get_by_role("listitem").nth(0), page.get_by_role("listitem").nth(1)
    expect(running).to_contain_text(f"model 1 · leave · --since 2026-01-01 · {HOSTILE}:41 · heartbeat")
    expect(running).to_contain_text("2,000 done")
    expect(lost.locator(".state")).to_have_text("lost")
    expect(page.locator("#running")).to_have_text("1 running")
    assert page.locator("main img").count() == 0


def test_a_slow_answer_is_not_asked_for_twice(visit, url, sqlite):
    page, asked = visit(url), []

    def hold_first(route):
        asked.append(route)
        if len(asked) > 1:
            route.continue_()

    expect_counts(page, "0", "0", "0")
    page.route("**/page.json", hold_first)
    wait_until(lambda: page.wait_for_timeout(100) or asked, 30)
    page.wait_for_timeout(4000)  # longer than the pause between two requests
    assert len(asked) == 1
    add(sqlite, BAD)
    asked[0].continue_()
    expect_counts(page, "1", "0", "0")


def test_many_open_pages_cost_the_database_one_reading(engine):
    read, counted = Overview(readers(engine), last_runs), []
    event.listen(engine, "before_cursor_execute", lambda *call: "items" in call[2] and counted.append(call[2]))
    add(engine, BAD)
    counted.clear()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: read()["rows"], range(40)))
    assert answers == [{"pending": 1, "done": 0, "failed": 0}] * 40
    assert len(counted) in (3, 6)  # one reading; a machine that stops for a second makes it two


def test_a_count_has_a_limit(visit, url, sqlite, monkeypatch):
    monkeypatch.setattr(overview, "MOST", 1000)
    fill(sqlite, 1001)
    page = visit(url)
    expect_counts(page, "1,000+", "0", "0")
    expect(page.get_by_text("Rows are counted up to 1,000.")).to_be_visible()


def test_a_database_that_cannot_be_read_is_said_and_the_page_recovers(visit, url, sqlite):
    page = visit(url)
    expect_counts(page, "0", "0", "0")
    with sqlite.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    expect(page.get_by_role("alert")).to_contain_text("the database has schema 0001")
    with sqlite.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :now"), {"now": REVISION})
    expect(page.get_by_role("alert")).to_be_hidden()


def test_the_keyboard_pauses_the_page_and_lets_it_go_on(visit, url, sqlite):
    page = visit(url)
    expect_counts(page, "0", "0", "0")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Pause")).to_be_focused()
    page.keyboard.press("Enter")
    add(sqlite, BAD)
    page.wait_for_timeout(4000)  # longer than the pause between two requests
    expect_counts(page, "0", "0", "0")
    page.keyboard.press("Enter")
    expect_counts(page, "1", "0", "0")


def test_a_phone_shows_all_without_scrolling_sideways_by_day_and_by_night(visit, url, sqlite):
    record_run(sqlite, rows_done=10**12, rows_failed=10**9, host="long-name" * 20, scope="--since " * 20)
    page = visit(url, viewport={"width": 320, "height": 640}, has_touch=True, is_mobile=True)
    expect(page.get_by_role("listitem")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    sizes = page.locator("button:visible, a:visible").evaluate_all(
        "all => all.map((one) => one.getBoundingClientRect()).map((box) => Math.min(box.width, box.height))"
    )
    assert min(sizes) >= 44
    for scheme, ground in {"light": "rgb(244, 245, 248)", "dark": "rgb(20, 23, 28)"}.items():
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == ground


def test_without_a_record_of_runs_the_page_shows_the_counts(visit, sqlite):
    app = FastAPI()
    add_files(app, Overview(readers(sqlite), None))
    add(sqlite, BAD)
    with serving(app) as url:
        page = visit(url)
        expect_counts(page, "1", "0", "0")
        expect(page.get_by_text("Last runs")).to_be_hidden()
        page.close()


def test_the_root_is_the_page_for_browsers_only_and_its_policy_is_strict(url):
    assert httpx.get(url).text.endswith("How to use it: /docs\n")
    for path in ("", "page.css", "page.js", "page.json"):
        answer = httpx.get(f"{url}{path}", headers={"accept": "text/html,*/*;q=0.8"})
        policy = answer.headers["content-security-policy"].split("; ")
        assert {"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"} <= set(policy)
        assert (answer.status_code, "unsafe" in str(policy)) == (200, False)
    assert httpx.get(f"{url}page.py").status_code == 404
    assert httpx.post(f"{url}page.json").status_code == 405


def test_the_picture_in_the_readme(visit, url, sqlite, model, tmp_path):
    fill(sqlite, 800)
    run_job(sqlite, model)
    with sqlite.begin() as connection:
        connection.execute(update(Run).values(outcome=Outcome.DEADLINE, scope="--deadline 1"))
    fill(sqlite, 1200)
    add(sqlite, BAD)
    run_job(sqlite, model)
    fill(sqlite, 9000)
    record_run(sqlite)
    with sqlite.begin() as connection:
        connection.execute(update(Run).values(host="node-3", pid=41))
    page = visit(url, viewport={"width": 840, "height": 700})
    expect(page.get_by_role("listitem")).to_have_count(3)
    picture = Path(os.environ.get("SCREENSHOT") or tmp_path / "page.png")
    page.screenshot(path=picture)
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert picture.stat().st_size < 100_000
