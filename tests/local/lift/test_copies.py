"""A copy with any choice of parts is complete: linted, typed, and deployable."""

import itertools
import random

import pytest

from local.lift.parts import optional_folders
from local.lift.patterns import PATTERNS

from .conftest import check_code, check_dockerfiles, check_kubernetes, check_names

pytestmark = pytest.mark.timeout(600)
CHOICES = ("all", "none", "some")


def names(pattern):
    """Yield names for copies, each once: one run of mypy takes no name twice.

    They are as long as the pattern's name, because the format of a line depends on its length.
    """
    return (f"{pattern[0]}{number:0{len(pattern) - 1}}" for number in itertools.count())


def removed_parts(pattern, choice, seed=0):
    """Return the parts that a copy does not have; the same seed gives the same choice."""
    parts = optional_folders(pattern)
    chosen = random.Random(f"{pattern} {seed}")
    some = [part for part in parts if chosen.random() < 0.5]
    return tuple({"all": [], "none": parts, "some": some}[choice])


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("copies")


@pytest.fixture(scope="module")
def copies(lift_without, place):
    """Return a copy of each pattern with all parts, with none and with some, without their smoke tests."""
    return {
        (pattern, choice): lift_without(pattern, removed_parts(pattern, choice), name=name, place=place)
        for pattern in PATTERNS
        for choice, name in zip(CHOICES, names(pattern), strict=False)
    }


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_copy_is_complete(pattern, choice, copies):
    project = copies[pattern, choice]
    check_names(project, pattern, removed_parts(pattern, choice))
    check_dockerfiles(project)
    check_kubernetes(project)


@pytest.mark.parametrize(
    "choice", [one if one == "none" else pytest.param(one, marks=pytest.mark.exhaustive) for one in CHOICES]
)
def test_the_code_of_the_copies_is_linted_and_typed(choice, copies, tmp_path):
    check_code([copies[pattern, choice] for pattern in PATTERNS], tmp_path / "mypy")


@pytest.mark.exhaustive
@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_copy_with_any_choice_of_parts_is_complete(pattern, lift_without, tmp_path):
    choices = {name: removed_parts(pattern, "some", name) for name in itertools.islice(names(pattern), 20)}
    for name, removed in choices.items():
        project = lift_without(pattern, removed, name=name, place=tmp_path)
        check_names(project, pattern, removed)
        check_dockerfiles(project)
        check_kubernetes(project)
    check_code([tmp_path / name for name in choices], tmp_path / "mypy")
