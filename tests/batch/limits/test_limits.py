"""A model that the table cannot hold is refused at the start."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from batch.artifact import ArtifactRefused, open_artifact
from batch.limits import check_limits
from batch.predictor import load


def test_a_version_that_the_table_cannot_hold_is_refused(artifacts: Path, tmp_path: Path):
    shutil.copytree(artifacts / "iris" / "1", tmp_path / "20261127153000")
    line = r"^version 20261127153000 exceeds 2147483647; rename its folder to a lower number$"
    with pytest.raises(ArtifactRefused, match=line):
        check_limits(load(open_artifact(tmp_path, keep=None)).model)
    (tmp_path / "20261127153000").rename(tmp_path / "2147483647")
    check_limits(load(open_artifact(tmp_path, keep=None)).model)


def test_a_label_that_the_table_cannot_hold_is_refused():
    line = r"^manifest.json: labels: 'a{40}'\.\.\. exceeds 255 characters; shorten it$"
    with pytest.raises(ArtifactRefused, match=line):
        check_limits(SimpleNamespace(labels=["b", "a" * 256], version=1))
    check_limits(SimpleNamespace(labels=["b", "a" * 255], version=1))
    check_limits(SimpleNamespace(labels=[], version=1))
