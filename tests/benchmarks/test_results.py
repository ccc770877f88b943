"""RESULTS.md and its pictures come from results.json, and a reader finds each figure in them."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import markdown, picture, results
from benchmarks.report import Figure, number

FOLDER = Path(results.__file__).parent
SVG = "{http://www.w3.org/2000/svg}"
FIGURES = {
    "queue": [Figure("drain, batches of 64", "jobs/s", [90, 100, 140], [200, 200, 200], at_least=0.4)],
    "a & b": [Figure("worker's CPU", "s", [0.5], [100.0]), Figure("lost", "jobs", [0], at_most=0)],
}
RUN = {"command": "c", "date": "d", "seconds": 1, "load_before": 0.5, "load_after": 0.5}


def run_of(figures: dict[str, list[Figure]], **more: object) -> dict:
    rows = {name: [figure.as_json() for figure in of_part] for name, of_part in figures.items()}
    return RUN | {"found": {"figures": rows, **more} if more else rows}


def texts(drawn: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(drawn).iter(f"{SVG}text"))


def test_the_committed_files_are_what_the_writer_makes_of_the_committed_results():
    found = results.load()
    assert (FOLDER / "RESULTS.md").read_text() == markdown.written(found)
    pictures = {path.name: path.read_text() for path in (FOLDER / "pictures").iterdir()}
    assert pictures == picture.of_results(found)


def test_results_are_the_same_after_they_were_saved(tmp_path):
    results.save(results.load(), tmp_path / "again.json")
    assert (tmp_path / "again.json").read_text() == results.FILE.read_text()


@pytest.mark.parametrize("path", sorted((FOLDER / "pictures").iterdir()), ids=lambda path: path.name)
def test_a_picture_is_small_and_shows_its_text_inside_its_frame_in_both_colour_schemes(path):
    drawn = path.read_text()
    assert path.stat().st_size < 100_000
    assert "prefers-color-scheme: dark" in drawn
    _, _, width, height = map(float, ElementTree.fromstring(drawn).attrib["viewBox"].split())
    for text in texts(drawn):
        long = 0.6 * 12 * len(text.text)  # wider than these letters are on average
        assert 0 <= float(text.attrib["x"]) <= width - long * (text.get("text-anchor") != "middle"), text.text
        assert 0 < float(text.attrib["y"]) < height


@pytest.mark.parametrize("pattern", ["web_single", "synchronous", "asynchronous", "batch"])
def test_a_picture_shows_each_figure_of_its_pattern_with_its_median(pattern):
    shown = {text.text for text in texts((FOLDER / "pictures" / f"{pattern}.svg").read_text())}
    for rows in results.figures(results.load()["patterns"][pattern]["found"]).values():
        for row in rows:
            assert {row.name, f"{number(row.value)} {row.unit}".strip()} <= shown


def test_a_bar_reaches_from_one_to_the_median_ratio_and_a_line_from_the_least_to_the_greatest():
    drawn = ElementTree.fromstring(picture.draw("x", FIGURES))
    scale = picture.Scale([0.45, 0.5, 0.7, 0.4, 0.005, 1])
    bar = next(rect for rect in drawn.iter(f"{SVG}rect") if rect.get("class") == "rate" and rect.get("y") != "33")
    assert float(bar.attrib["x"]) == pytest.approx(scale.x(0.5))
    assert float(bar.attrib["width"]) == pytest.approx(scale.x(1) - scale.x(0.5), abs=0.2)
    spread = next(line for line in drawn.iter(f"{SVG}line") if line.get("class") == "spread")
    assert (float(spread.attrib["x1"]), float(spread.attrib["x2"])) == (scale.x(0.45), scale.x(0.7))


def test_a_row_of_the_table_has_medians_spreads_the_ratio_and_the_bar():
    written = markdown.written({"machine": {}, "versions": {}, "patterns": {"batch": run_of(FIGURES)}})
    assert "| drain, batches of 64 | jobs/s | 200 | 100 | 90 … 140 | 0.50 | 0.45 … 0.70 | ≥ 0.4: holds |" in written
    assert "| worker's CPU | s | 100 | 0.5 | 0.5 … 0.5 | 0.005 | 0.005 … 0.005 |  |" in written


def test_a_peer_that_was_not_measured_stays_in_the_results_with_the_reason():
    figures = {"RQ": FIGURES["queue"]}
    run = run_of(figures, not_measured={"Celery": "it cannot be installed: no wheel"}, versions={"RQ": ["rq==3.0.0"]})
    written = markdown.written({"machine": {}, "versions": {}, "patterns": {}, "peers": {"asynchronous": run}})
    assert "**Celery**: not measured: it cannot be installed: no wheel" in written
    assert re.search(r"\*\*RQ\*\* \(rq==3\.0\.0\)\n\n[A-Z].*\.\n\n\| figure", written)
