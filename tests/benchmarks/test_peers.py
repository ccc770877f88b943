"""Peers are installed apart from us; one that fails is named and does not stop the others."""

import re
from pathlib import Path

import pytest

from benchmarks.peers.environments import NotMeasured, Peer, Sides, one_line
from benchmarks.peers.reasons import REASONS
from local.processes import ROOT, ProgramFailed

FILES = sorted((ROOT / "benchmarks" / "peers").glob("*/with_*.py"))


def peer_with(folder: Path, requirement: str) -> Peer:
    file = folder / "with_x.py"
    file.write_text(f'# /// script\n# dependencies = ["{requirement}"]\n# ///\n')
    return Peer("x", file)


def test_a_peer_that_cannot_be_installed_is_refused_in_one_line_without_a_path(tmp_path):
    peer = peer_with(tmp_path, f"x @ file://{tmp_path}/x-1-py3-none-any.whl")
    with pytest.raises(NotMeasured, match=r"^it cannot be installed: [^\n|]+$") as refused:
        peer.install(tmp_path)
    assert str(tmp_path) not in str(refused.value)


def test_a_peer_that_fails_is_left_out_of_later_rounds_and_the_others_are_measured():
    sides, calls = Sides(), []

    def fail() -> None:
        calls.append(1)
        raise ProgramFailed("x was not ready after 60 s\nTraceback")

    sides.take_turns(3, {"ours": lambda: 1, "x": fail, "y": lambda: 2}, may_fail=["x", "y"])
    assert (sides.rounds["ours"], sides.rounds["y"], len(calls)) == ([1, 1, 1], [2, 2, 2], 1)
    assert sides.failed == {"x": "x was not ready after 60 s Traceback"}


def test_what_is_ours_may_not_fail():
    def fail() -> None:
        raise ProgramFailed("ours")

    with pytest.raises(ProgramFailed):
        Sides().take_turns(1, {"ours": fail}, may_fail=[])


def test_an_error_becomes_one_short_line_without_urls_and_folders():
    said = one_line('File "/home/x/y.py"\n  ╰─▶ failed to fetch: `https://host/simple/x/` | ' + "word " * 100 + "end")
    assert len(said) < 210
    assert said.endswith("word end")
    assert one_line('File "/home/x/y.py", https://host/x | z') == 'File "y.py", URL z'


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_peer_lists_exact_versions_and_the_onnxruntime_that_ours_has(file):
    requirements = Peer(file.stem, file).requirements
    assert requirements
    assert all(re.fullmatch(r"[a-z-]+(\[\w+\])?==[\d.]+", each) for each in requirements)
    ours = set(re.findall(r"^(onnxruntime==\S+)", (ROOT / "web_single" / "requirements.txt").read_text(), re.M))
    assert {each for each in requirements if each.startswith("onnxruntime")} <= ours


def test_each_peer_has_a_sentence_on_why_its_figures_differ():
    for pattern, reasons in REASONS.items():
        named = {name.lower().replace(" ", "_") for name in reasons}
        assert {file.stem.removeprefix("with_") for file in FILES if file.parent.name == pattern} <= named
        assert all(reason.endswith(".") for reason in reasons.values())
