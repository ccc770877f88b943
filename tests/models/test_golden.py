import json

import numpy as np
import pytest

from models.golden import write_golden


def golden(folder):
    return json.loads((folder / "golden.json").read_text())


def test_the_golden_answers_are_listed_in_the_manifest_and_contain_every_label(artifacts):
    for name in ("iris", "digits"):
        manifest = json.loads((artifacts / name / "1" / "manifest.json").read_text())
        assert "golden.json" in manifest["files"]
        assert set(golden(artifacts / name / "1")["labels"]) == set(manifest["labels"])


def test_missing_numbers_are_null_and_bytes_are_base64(tmp_path):
    write_golden(tmp_path, inputs={"age": np.array([[1.5], [np.nan]]), "image": [b"\xff", b""]}, outputs={"y": [1, 2]})
    assert golden(tmp_path)["inputs"] == {"age": [[1.5], [None]], "image": [{"b64": "/w=="}, {"b64": ""}]}
    assert golden(tmp_path)["tolerance"] == 1e-4
    assert "labels" not in golden(tmp_path)


def test_an_answer_that_is_not_finite_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_golden(tmp_path, inputs={"x": [1]}, outputs={"y": [np.inf]})
