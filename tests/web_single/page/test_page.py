"""The page in a real browser, in front of the real service, around models of several kinds."""

import json
import os
import subprocess
from pathlib import Path

import httpx
import numpy as np
import pytest
from playwright.sync_api import expect

from local.processes import wait_until
from models.gallery import tabular
from web_single.app import build_app, load_model
from web_single.settings import Settings

from ..conftest import save
from ..docs.test_browser import run
from ..graphs import graph, helper

HOSTILE = ["<img src=x onerror=alert(1)>", "'; echo $(id)"]
expect.set_options(timeout=30_000)


@pytest.fixture
def visit(browser):
    """Open a model's page; no script fails, no policy is violated, nothing is logged and no other host is asked."""
    contexts, faults = [], []

    def visit(url, **options):
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        # The browser itself logs a refusal, which is not a fault of the page.
        page.on("console", lambda said: "status of 422" in said.text or faults.append(said.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda asked: asked.url.startswith((url, "data:")) or faults.append(asked.url))
        page.goto(url)
        expect(page.locator("#fields .field").first).to_be_visible()
        return page

    yield visit
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture(scope="module")
def serving_of():
    """Serve a model's folder; return the address of its page."""
    running = []

    def serve(folder):
        settings = Settings(model_dir=folder)
        running.append(run(build_app(settings, load_model(settings))))
        return running[-1].__enter__() + "/"

    yield serve
    for server in running:
        server.__exit__(None, None, None)


@pytest.fixture(scope="module")
def iris(serving_of, artifacts):
    return serving_of(artifacts / "iris")


def shown(page):
    """Return the names and the numbers of the answer."""
    items = page.locator("#answer li")
    names, numbers = (items.locator(part).all_text_contents() for part in (".label", ".number"))
    return dict(zip(names, numbers, strict=True))


def answer_to_command(page):
    """Run the command that the page shows, as a shell does; return what it prints."""
    command = page.locator("#curl").text_content()
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=True, timeout=60)
    return json.loads(done.stdout)["prediction"][0]


def test_a_moved_slider_changes_the_answer_to_what_the_service_gives(visit, iris):
    page = visit(iris)
    expect(page.locator("#likeliest")).to_have_text("setosa")
    for index, value in ((2, "5.5"), (3, "2.1")):
        page.get_by_role("slider", name=f"float_input[{index}]").fill(value)
    expect(page.locator("#likeliest")).to_have_text("virginica")
    row = [float(value) for value in page.get_by_role("textbox").evaluate_all("all => all.map((one) => one.value)")]
    assert row[2:] == [5.5, 2.1]
    (answer,) = httpx.post(f"{iris}predict", json={"data": [row]}).json()["prediction"]
    expected = dict(zip(["setosa", "versicolor", "virginica"], (f"{value:.4f}" for value in answer), strict=True))
    expect(page.locator("#answer .number").last).to_have_text(expected["virginica"])
    assert shown(page) == expected


def test_while_an_answer_is_late_many_moves_become_one_request_for_the_last(visit, iris):
    page, asked, held = visit(iris), [], []
    expect(page.locator("#likeliest")).to_have_text("setosa")
    page.on("request", lambda request: asked.append(request.post_data_json["data"][0][2]))
    page.route("**/predict", lambda route: held.append(route), times=1)  # noqa: PLW0108 - Playwright marks the function
    slider = page.get_by_role("slider", name="float_input[2]")
    slider.fill("1.5")
    wait_until(lambda: page.wait_for_timeout(100) or held, 30)
    for value in ("3", "4.5", "6"):
        slider.fill(value)
    held[0].continue_()
    expect(page.locator("#likeliest")).not_to_have_text("setosa")
    assert asked == [1.5, 6]


def test_the_command_asks_the_same_and_is_copied(visit, iris):
    page = visit(iris, permissions=["clipboard-read", "clipboard-write"])
    page.get_by_label("float_input[2]", exact=True).fill("4.7")
    assert (
        answer_to_command(page)
        == httpx.post(f"{iris}predict", json={"data": [[5.5, 3.5, 4.7, 0.2]]}).json()["prediction"][0]
    )
    page.get_by_role("button", name="Copy").click()
    expect(page.locator("#copied")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#curl").text_content()


def test_a_refusal_is_shown_in_place_of_the_answer(visit, iris):
    page = visit(iris)
    field = page.get_by_label("float_input[1]", exact=True)
    expect(page.locator("#answer li")).to_have_count(3)
    for text, reason in {"1e39": "less than or equal to", "": "a valid number", "three": "a valid number"}.items():
        field.fill(text)
        expect(page.get_by_role("alert")).to_contain_text(f"data[0][1]: Input should be {reason}")
        expect(page.locator("#answer li")).to_have_count(0)
        field.fill("3.1")
        expect(page.get_by_role("alert")).to_be_hidden()
        expect(page.locator("#answer li")).to_have_count(3)


def test_the_keyboard_alone_moves_a_slider_and_copies(visit, iris):
    page = visit(iris)
    expect(page.locator("#likeliest")).to_have_text("setosa")
    for key in ("Tab", "Tab", "Tab", "Tab", "Tab", "Tab"):
        page.keyboard.press(key)
    expect(page.get_by_role("slider", name="float_input[2]")).to_be_focused()
    page.keyboard.press("End")
    expect(page.locator("#likeliest")).not_to_have_text("setosa")
    assert page.get_by_label("float_input[2]", exact=True).input_value() == "6.03"
    for key in ("Tab", "Tab", "Tab", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("#copied")).to_have_text("Copied")


def test_a_table_of_names_text_and_whole_numbers_is_one_field_for_each_column(visit, serving_of, tmp_path):
    page = visit(serving_of(tabular.column_transformer().package(tmp_path).parent))
    assert page.locator("datalist option").evaluate_all("all => all.map((one) => one.value)") == [
        "Bern",
        "Oslo",
        "Rome",
    ]
    page.get_by_label("city", exact=True).fill("it's <b>Rome</b>")
    page.get_by_label("age", exact=True).fill("82.5")
    page.get_by_role("slider", name="visits").press("Home")
    expect(page.locator("#curl")).to_contain_text('{"age": 82.5, "city": "it')
    expect(page.locator("#likeliest")).to_have_text("leaves")
    leaves, _ = answer_to_command(page)
    expect(page.locator("#answer .number").first).to_have_text(f"{leaves:.4f}")


def test_a_regressor_shows_values(visit, serving_of, tmp_path):
    page = visit(serving_of(tabular.several_values().package(tmp_path).parent))
    expect(page.locator("#answer li")).to_have_count(3)
    assert [float(value) for value in shown(page).values()] == answer_to_command(page)


def test_an_empty_field_is_a_missing_number(visit, serving_of, tmp_path):
    nodes = [helper.make_node("IsNaN", ["X"], ["gaps"]), helper.make_node("Cast", ["gaps"], ["Y"], to=1)]
    model = graph(nodes, {"X": ("float32", [None, 2])}, {"Y": ("float32", [None, 2])})
    described = {"task": "regression", "inputs": [{"name": "X", "missing": True}]}
    page = visit(serving_of(save(tmp_path / "model", model, [], **described)))
    page.get_by_placeholder("missing").first.fill("")
    expect(page.locator("#answer .number")).to_have_text(["1", "0"])
    assert answer_to_command(page) == [1, 0]


def test_labels_and_names_are_text_and_numbers_beyond_javascripts_are_sent_as_they_are(visit, serving_of, tmp_path):
    name = "<b onclick=x>'id'</b>"
    table, first = np.array([[0.9, 0.1], [0.2, 0.8]], np.float32), np.int64(2**62)
    nodes = [
        helper.make_node("Sub", [name, "first"], ["id"]),
        helper.make_node("Gather", ["table", "id"], ["probabilities"]),
    ]
    inputs, outputs = {name: ("int64", [None])}, {"probabilities": ("float32", [None, 2])}
    model = graph(nodes, inputs, outputs, table=table, first=first)
    page = visit(serving_of(save(tmp_path / "model", model, HOSTILE, sample=[2**62])))
    expect(page.locator("#likeliest")).to_have_text(HOSTILE[0])
    page.get_by_label(name).fill(str(2**62 + 1))
    expect(page.locator("#likeliest")).to_have_text(HOSTILE[1])
    assert page.locator("main img, main b[onclick]").count() == 0
    assert answer_to_command(page) == pytest.approx([0.2, 0.8])


def test_a_row_of_many_values_is_one_field_of_json(visit, serving_of, model_dir):
    page = visit(serving_of(model_dir(width=784, labels=tuple(f"digit {number}" for number in range(30)))))
    row = page.get_by_label("One row, as JSON")
    assert len(json.loads(row.input_value())) == 784
    expect(page.locator("#rest")).to_have_text("and 10 less likely")
    assert answer_to_command(page) == pytest.approx([1 / 30] * 30)
    row.fill("[1, 2], [3]")
    expect(page.get_by_role("alert")).to_contain_text("The row is not JSON")
    row.fill("[1, 2]")
    expect(page.get_by_role("alert")).to_contain_text("data[0]: List should have at least 784 items")


def test_a_phone_shows_all_without_scrolling_sideways_by_day_and_by_night(visit, iris):
    page = visit(iris, viewport={"width": 320, "height": 640}, has_touch=True, is_mobile=True)
    expect(page.locator("#answer li")).to_have_count(3)
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    sizes = page.locator("button:visible, input:visible, a:visible").evaluate_all(
        "all => all.map((one) => one.getBoundingClientRect()).map((box) => Math.min(box.width, box.height))"
    )
    assert min(sizes) >= 44
    for scheme, ground in {"light": "rgb(244, 245, 248)", "dark": "rgb(20, 23, 28)"}.items():
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == ground


def test_the_root_is_the_page_for_browsers_only_and_its_policy_is_strict(iris):
    assert httpx.get(iris).text == "iris, version 1. How to use it: /docs\n"
    for path in ("", "page.css", "page.js", "page.json"):
        answer = httpx.get(f"{iris}{path}", headers={"accept": "text/html,*/*;q=0.8"})
        policy = answer.headers["content-security-policy"].split("; ")
        assert {"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"} <= set(policy)
        assert (answer.status_code, "unsafe" in str(policy)) == (200, False)
    assert httpx.get(f"{iris}page.py").status_code == 404


def test_the_picture_in_the_readme(visit, iris, tmp_path):
    page = visit(iris, viewport={"width": 1000, "height": 640})
    for index, value in ((0, "6.2"), (2, "4.9"), (3, "1.7")):
        page.get_by_role("slider", name=f"float_input[{index}]").fill(value)
    expect(page.locator("#curl")).to_contain_text("6.2, 3.5, 4.9, 1.7")
    expect(page.locator("#likeliest")).not_to_have_text("setosa")
    picture = Path(os.environ.get("SCREENSHOT") or tmp_path / "page.png")
    page.screenshot(path=picture)
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert picture.stat().st_size < 100_000
