"""The page in a real browser, in front of a real proxy, Redis, worker and serving program."""

import os
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from asynchronous.api import MAX_IMAGE_BYTES as MAX_BYTES
from asynchronous.consumer import Result
from asynchronous.waiting.channels import ENDED
from local import servers
from local.stack import PROXY

from ..conftest import Consumer, launch_proxy, png

SEVEN = Result("7", 0.999)
MORE = pytest.mark.exhaustive
DRAWN = {  # strokes on paper of 280 by 280
    "1": [[(140, 45), (140, 235)]],
    "4": [[(150, 45), (75, 160), (205, 160)], [(165, 110), (165, 240)]],
    "7": [[(80, 55), (200, 55), (125, 235)], [(110, 150), (195, 150)]],
}
expect.set_options(timeout=60_000)  # the page asks for a job at least every 30 s


@pytest.fixture(scope="module")
def shared(preloaded, tmp_path_factory, redis_port):
    folder, url = tmp_path_factory.mktemp("proxy"), f"redis://127.0.0.1:{redis_port}/0"
    program, client = launch_proxy(preloaded, folder, REDIS_URL=url)
    yield client
    client.close()
    program.kill()  # else it waits as long as the pages had asked it to


@pytest.fixture
def visit(browser, shared, redis_url):
    """Open the page; whatever a test does with it, no script fails, no policy is broken and no other host is asked."""
    contexts, faults = [], []

    def visit(url=None, **options):
        contexts.append(browser.new_context(reduced_motion="reduce", **options))
        contexts[-1].set_default_timeout(60_000)
        page, url = contexts[-1].new_page(), str(url or shared.base_url)
        page.said = []
        page.on("console", lambda message: page.said.append(message.text))
        page.on("console", lambda message: "Security Policy" in message.text and faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda asked: asked.url.startswith((url, "data:")) or faults.append(asked.url))
        page.goto(url)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert not faults


@pytest.fixture
def page(visit):
    return visit()


@pytest.fixture
def consumer(settings):
    """Takes jobs up in this process, as a worker does."""
    return Consumer(settings(), "test")


@pytest.fixture
def proxy_at(start, redis_url):
    """Start a proxy on a port that it had before."""

    def run(port, **env):
        argv = [sys.executable, "-m", *PROXY, "--port", str(port)]
        env = {"REDIS_URL": redis_url} | env
        return start("proxy", argv, lambda: servers.answers(f"http://127.0.0.1:{port}/health"), env)

    return run


def file(name, data, kind="image/png"):
    return {"name": name, "mimeType": kind, "buffer": data}


def upload(page, *files):
    page.get_by_label("Choose image files").set_input_files(list(files))


def upload_new(page, count):
    upload(page, *[file(f"{number}.png", png()) for number in range(count)])
    expect(rows(page, "accepted")).to_have_count(count)


def upload_digits(page, images):
    upload(page, *[file(image.name, image.data, f"image/{image.name.split('.')[1]}") for image in images])


def rows(page, state):
    return page.get_by_role("listitem").filter(has=page.get_by_text(state, exact=True))


def row(page, name):
    return page.get_by_role("listitem").filter(has_text=name)


def draw(page, strokes):
    box = page.get_by_role("application", name="Drawing area").bounding_box()
    for first, *others in strokes:
        page.mouse.move(box["x"] + first[0], box["y"] + first[1])
        page.mouse.down()
        for x, y in others:
            page.mouse.move(box["x"] + x, box["y"] + y, steps=4)
        page.mouse.up()


def test_several_files_are_accepted_at_once_and_their_results_arrive_by_themselves(page, serving, worker, digit_images):
    images = digit_images[:6]
    upload_digits(page, images[:4])
    expect(rows(page, "accepted")).to_have_count(4)
    upload_digits(page, images[4:])
    expect(page.get_by_text("6 open, 0 ended")).to_be_visible()
    expect(page).to_have_title(re.compile(r"^\(6\)"))
    worker(SERVING_GRPC=serving.grpc)
    notification = page.locator("#toasts p").filter(has_text=re.compile(r"digit-00\d.*: \d \S \d+ % sure"))
    expect(notification.last).to_be_visible()
    expect(rows(page, "done")).to_have_count(6)
    for image in images:
        expect(row(page, image.name).locator("strong")).to_have_text(image.label)
        expect(row(page, image.name).locator("img")).to_have_js_property("complete", True)


def test_drawn_digits_are_recognised(page, serving, worker):
    for strokes in DRAWN.values():
        draw(page, strokes)
        page.get_by_role("button", name="Send the drawing").click()
        expect(page.locator("#pen-state")).to_have_text("Empty")
    worker(SERVING_GRPC=serving.grpc)
    expect(rows(page, "done")).to_have_count(len(DRAWN))
    assert page.locator("li strong").all_text_contents() == list(reversed(DRAWN))


def test_the_keyboard_alone_draws_and_sends(page, serving, worker):
    worker(SERVING_GRPC=serving.grpc)
    for _ in range(2):
        page.keyboard.press("Tab")
    expect(page.get_by_role("application", name="Drawing area")).to_be_focused()
    expect(page.locator("#pen")).to_be_visible()
    keys = "U5 L4 S R8 D6 L8 D6 R8 S"  # a 2 with corners
    names = {"U": "ArrowUp", "L": "ArrowLeft", "R": "ArrowRight", "D": "ArrowDown", "S": "Space"}
    for key in keys.split():
        for _ in range(int(key[1:] or 1)):
            page.keyboard.press(names[key[0]])
    for key in ("Tab", "Enter"):
        page.keyboard.press(key)
    expect(row(page, "drawing").locator("strong")).to_have_text("2")


COLOURS = """(canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return [...new Set(new Uint32Array(data.buffer))].length;
}"""


def test_escape_clears_and_an_empty_paper_is_not_sent(page):
    draw(page, DRAWN["1"])
    expect(page.locator("#pen-state")).to_have_text("Pen up")
    assert page.locator("canvas").evaluate(COLOURS) > 1
    page.get_by_role("application").press("Escape")
    assert page.locator("canvas").evaluate(COLOURS) == 1
    page.get_by_role("button", name="Send the drawing").click()
    expect(page.get_by_text("Draw a digit first.")).to_be_visible()
    expect(page.get_by_role("listitem")).to_have_count(0)


@MORE
def test_a_notification_goes_away_by_itself(page):
    page.clock.install()
    page.reload()
    page.get_by_role("button", name="Send the drawing").click()
    expect(page.locator("#toasts p")).to_have_count(1)
    page.clock.fast_forward(6000)
    expect(page.locator("#toasts p")).to_have_count(0)


def test_what_is_dropped_on_the_page_is_sent(page):
    data = page.evaluate_handle("""async () => {
        const data = new DataTransfer();
        const paper = await new Promise((done) => document.querySelector("canvas").toBlob(done));
        data.items.add(new File([paper], "dropped.png", { type: "" }));
        return data;
    }""")
    page.dispatch_event("h1", "dragover", {"dataTransfer": data})
    page.dispatch_event("h1", "drop", {"dataTransfer": data})
    expect(row(page, "dropped.png")).to_contain_text("accepted")


REFUSED = {
    "a.txt": (b"hello", "text/plain", "content-type: must be image/*, multipart/form-data or application/json, not"),
    "text.png": (b"hello", "image/png", "image: not a JPEG, PNG, GIF or BMP file"),
    "empty.gif": (b"", "image/gif", "image: is empty"),
}


@pytest.mark.parametrize("name", [name if name == "a.txt" else pytest.param(name, marks=MORE) for name in REFUSED])
def test_a_refusal_shows_the_servers_reason(page, name):
    data, kind, reason = REFUSED[name]
    upload(page, file(name, data, kind))
    expect(row(page, name)).to_contain_text("refused")
    expect(row(page, name)).to_contain_text(reason)
    expect(row(page, name).get_by_role("button", name="Retry")).to_be_hidden()


def test_a_file_that_is_too_large_is_refused(page, tmp_path):
    large = tmp_path / "large.bmp"  # from the disk: the browser's remote control is slow with so many bytes
    large.write_bytes(bytes(MAX_BYTES + 1))
    upload(page, large)
    expect(row(page, "large.bmp")).to_contain_text("image: at most 10485760 bytes")


def test_a_cancelled_job_is_shown_as_cancelled_and_is_over(page, api, store):
    upload_new(page, 2)
    job_id = store.xrange("jobs")[0][1]["job_id"]
    assert api.delete(f"/job/{job_id}").status_code == 204
    expect(rows(page, "cancelled")).to_contain_text("cancelled by a client")
    expect(rows(page, "accepted")).to_have_count(1)
    page.get_by_role("button", name="Remove ended").click()
    expect(page.get_by_role("listitem")).to_have_count(1)


def test_a_failed_an_expired_and_a_forgotten_job_say_why(page, consumer, store):
    upload_new(page, 3)
    failed, expired, forgotten = consumer.claim(5)
    consumer.finish([failed], [Result(refused="<b>no image</b>")])
    store.hset(f"{expired.job_id}_job", "expires_at", 0)
    store.delete(f"{forgotten.job_id}_job")
    store.publish(ENDED, f"{expired.job_id} {forgotten.job_id}")  # so that the proxy looks at once
    expect(rows(page, "failed")).to_contain_text("<b>no image</b>")
    expect(rows(page, "expired")).to_contain_text("no result within its lifetime")
    expect(rows(page, "unknown")).to_contain_text("its result's lifetime is over")
    page.get_by_role("button", name="Remove ended").click()
    expect(page.get_by_role("listitem")).to_have_count(0)


def test_a_full_queue_refuses_and_a_retry_is_the_same_submission(proxy, visit, consumer):
    _, api = proxy(MAX_QUEUED_JOBS=1)
    page, keys = visit(api.base_url), []
    page.on("request", lambda asked: asked.method == "POST" and keys.append(asked.headers["idempotency-key"]))
    upload_new(page, 1)
    upload(page, file("second.png", png()))
    expect(row(page, "second.png")).to_contain_text("queue: MAX_QUEUED_JOBS are in it")
    consumer.finish(consumer.claim(5), [SEVEN])
    row(page, "second.png").get_by_role("button", name="Retry second.png").click()
    expect(row(page, "second.png")).to_contain_text("accepted")
    consumer.finish(consumer.claim(5), [SEVEN])
    expect(rows(page, "done")).to_have_count(2)
    assert keys[1] == keys[2] != keys[0]


def test_a_proxy_that_dies_is_noticed_and_the_page_recovers(proxy_at, visit, free_port, consumer):
    port = free_port()
    first = proxy_at(port)
    page, keys = visit(f"http://127.0.0.1:{port}"), []
    page.on("request", lambda asked: asked.method == "POST" and keys.append(asked.headers["idempotency-key"]))
    upload_new(page, 4)
    first.kill()
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer. Still trying.")
    upload(page, file("late.png", png()))
    expect(row(page, "late.png")).to_contain_text("not sent")
    proxy_at(port)
    row(page, "late.png").get_by_role("button", name="Retry").press("Enter")
    expect(row(page, "late.png")).to_contain_text("accepted")
    expect(page.get_by_role("alert")).to_be_hidden()
    consumer.finish(consumer.claim(5), [SEVEN] * 5)
    expect(rows(page, "done")).to_have_count(5)
    assert keys[-1] == keys[-2]


def test_without_redis_the_page_waits(proxy, visit, tmp_path, settings):
    port, data = servers.free_port(), tmp_path / "redis"
    keep, url = ("--appendonly", "yes", "--appendfsync", "always"), f"redis://127.0.0.1:{port}/0"
    server = servers.redis_server(port, data, *keep).wait_ready()
    page = visit(proxy(REDIS_URL=url)[1].base_url)
    upload_new(page, 1)
    server.kill()
    expect(page.get_by_role("alert")).to_contain_text("Redis: not available")
    server = servers.redis_server(port, data, *keep).wait_ready()
    consumer = Consumer(settings().model_copy(update={"redis_url": url}), "test")
    consumer.finish(consumer.claim(5), [SEVEN])
    expect(rows(page, "done")).to_have_count(1)
    server.stop()


def test_a_reload_keeps_the_list_and_results_still_arrive(page, consumer):
    upload_new(page, 3)
    consumer.finish([consumer.claim(5)[0]], [SEVEN])
    expect(rows(page, "done")).to_have_count(1)
    expect(page.locator("li img:visible")).to_have_count(3)
    page.reload()
    expect(page.get_by_text("2 open, 1 ended")).to_be_visible()
    expect(page.locator("li img:visible")).to_have_count(3)
    assert page.get_by_role("listitem").locator("b").all_text_contents() == ["2.png", "1.png", "0.png"]
    upload(page, file("new.png", png()))
    expect(row(page, "new.png")).to_contain_text("accepted")


def test_a_file_that_was_on_its_way_at_a_reload_is_not_forgotten(page):
    page.route("**/predict", lambda route: None)  # never answered
    upload(page, file("slow.png", png()))
    expect(rows(page, "sending")).to_have_count(1)
    page.reload()
    expect(rows(page, "not sent")).to_contain_text("The page was reloaded; choose the file again.")


def test_a_job_that_is_not_registered_yet_is_asked_for_again(page, consumer):
    page.route("**/job/*", lambda route: route.fulfill(status=404, json={"detail": "unknown"}), times=2)
    upload_new(page, 1)
    consumer.finish(consumer.claim(5), [SEVEN])
    expect(rows(page, "done")).to_have_count(1)


@MORE
def test_few_requests_wait_however_many_jobs_are_open(page, consumer):
    waiting, most, asked = set(), [0], set()

    def begin(request):
        if "/job/" in request.url:
            waiting.add(request)
            asked.add(urlsplit(request.url).path)
            most.append(len(waiting))

    def finish(request):
        waiting.discard(request)

    page.on("request", begin)
    page.on("requestfinished", finish)
    upload_new(page, 8)
    consumer.finish(consumer.claim(5)[7:], [SEVEN])  # behind seven that take longer, yet it waits for none of them
    expect(rows(page, "done")).to_have_count(1)
    assert len(asked) == 8
    assert max(most) == 3


def test_a_phone_shows_all_without_scrolling_sideways_and_a_finger_draws(visit, consumer):
    page = visit(viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True)
    page.get_by_role("application").tap()
    expect(page.locator("#pen-state")).to_have_text("Pen up")
    page.get_by_role("button", name="Send the drawing").tap()
    upload(page, file(f"{'long-name' * 12}.png", png()))
    expect(rows(page, "accepted")).to_have_count(2)
    consumer.finish(consumer.claim(5), [SEVEN, Result(refused="reason" * 50)])
    expect(rows(page, "failed")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    sizes = page.locator("button:visible, label:visible, a:visible").evaluate_all(
        "all => all.map((one) => one.getBoundingClientRect()).map((box) => Math.min(box.width, box.height))"
    )
    assert min(sizes) >= 44


@MORE
def test_a_finger_that_draws_does_not_scroll_the_page(visit):
    page = visit(viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True)
    page.evaluate("document.querySelector('canvas').scrollIntoView()")
    box, scrolled = page.get_by_role("application").bounding_box(), page.evaluate("scrollY")
    touch = page.context.new_cdp_session(page)
    points = [{"x": box["x"] + 140, "y": box["y"] + y} for y in range(240, 30, -30)]
    for kind, point in zip(["touchStart", *["touchMove"] * len(points)], points, strict=False):
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(page.locator("#pen-state")).to_have_text("Pen up")
    top = "(canvas) => canvas.getContext('2d').getImageData(140, 60, 1, 1).data[0]"
    assert (page.locator("canvas").evaluate(top), page.evaluate("scrollY")) == (0, scrolled)


def test_a_whole_session_is_silent(page, consumer):
    failed = []
    page.on("requestfailed", lambda request: failed.append(request.url))
    draw(page, DRAWN["7"])
    page.get_by_role("button", name="Send the drawing").click()
    upload(page, file("a.png", png()))
    expect(rows(page, "accepted")).to_have_count(2)
    consumer.finish(consumer.claim(5), [SEVEN] * 2)
    expect(rows(page, "done")).to_have_count(2)
    page.reload()
    expect(rows(page, "done")).to_have_count(2)
    assert (page.said, failed) == ([], [])


def test_the_policy_stops_what_is_not_the_pages_own(browser, shared, redis_url):
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(str(shared.base_url))
        blocked = """() => new Promise((done) => {
            addEventListener("securitypolicyviolation", (event) => done(event.effectiveDirective));
            setTimeout(done, 60_000, "none");
            new Image().src = "https://example.invalid/x.png";
        })"""
        assert page.evaluate(blocked) == "img-src"


@pytest.mark.parametrize("path", ["/", "/page.css", "/page.js", "/drawing.js"])
def test_files_have_strict_headers_and_are_sent_only_when_they_changed(shared, path):
    answer = shared.get(path)
    policy = answer.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"} <= set(policy)
    assert "unsafe" not in str(policy)
    headers = ("x-content-type-options", "referrer-policy", "cache-control")
    assert [answer.headers[name] for name in headers] == ["nosniff", "no-referrer", "no-cache"]
    again = shared.get(path, headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_page_changes_nothing_about_the_api(shared):
    assert shared.get("/predict").status_code == 405
    assert shared.get("/page.py").status_code == 404
    assert not {"/", "/page.js"} & set(shared.get("/openapi.json").json()["paths"])


def test_every_control_has_a_name(page):
    upload(page, file("a.txt", b"x", "text/plain"))
    expect(rows(page, "refused")).to_have_count(1)
    controls = re.findall(r"- (button|link|application|list)\b(.*)", page.locator("body").aria_snapshot())
    assert len(controls) >= 7
    assert not [kind for kind, rest in controls if not re.match(r' "\w', rest)]
    assert page.get_by_label("Choose image files").get_attribute("type") == "file"


CONTRAST = """(selector) => {
    const luminance = (colour) => colour.match(/[\\d.]+/g).slice(0, 3)
        .map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
        .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
    const ground = (one) => {
        const colour = getComputedStyle(one).backgroundColor;
        return colour.endsWith(", 0)") ? ground(one.parentElement) : colour;
    };
    const seen = [...document.querySelectorAll(selector)].filter((one) => one.innerText && one.checkVisibility());
    return seen.map((one) => {
        const [dark, light] = [getComputedStyle(one).color, ground(one)].map(luminance).sort((a, b) => a - b);
        return (light + 0.05) / (dark + 0.05);
    });
}"""


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=MORE)])
def test_every_text_can_be_read(visit, consumer, scheme):
    page = visit(color_scheme=scheme)
    upload_new(page, 2)
    consumer.finish(consumer.claim(5)[:1], [SEVEN])
    upload(page, file("a.txt", b"x", "text/plain"))
    expect(rows(page, "done")).to_have_count(1)
    contrasts = page.evaluate(CONTRAST, "h1, h2, p, a, button, label, b, strong, li span")
    assert len(contrasts) > 20
    assert min(contrasts) >= 4.5


@MORE
def test_the_picture_in_the_readme(visit, serving, worker, digit_images, tmp_path):
    page = visit(viewport={"width": 1040, "height": 1020})
    running = worker(SERVING_GRPC=serving.grpc)
    upload_digits(page, digit_images[:6])
    expect(rows(page, "done")).to_have_count(6)
    page.reload()  # the list stays, the notifications go
    draw(page, DRAWN["4"])
    page.get_by_role("button", name="Send the drawing").click()
    expect(rows(page, "done")).to_have_count(7)
    running.stop()
    upload_digits(page, digit_images[6:7])
    expect(rows(page, "accepted")).to_have_count(1)
    draw(page, DRAWN["7"])
    picture = Path(os.environ.get("SCREENSHOT") or tmp_path / "page.png")
    page.screenshot(path=picture)
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert picture.stat().st_size < 300_000
