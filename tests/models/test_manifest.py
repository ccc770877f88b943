import hashlib
import json

import pytest

from models.manifest import BuildFailed, new_version, require_accuracy, write_manifest


def test_a_version_appears_only_when_its_build_is_complete(tmp_path):
    with pytest.raises(ZeroDivisionError), new_version(tmp_path, "model") as folder:
        (folder / "half").write_bytes(bytes(1 // 0))
    assert list(tmp_path.iterdir()) == []
    with new_version(tmp_path, "model") as folder:
        (folder / "whole").write_text("written")
    assert (tmp_path / "model" / "1" / "whole").exists()


def test_a_second_build_replaces_the_first(tmp_path):
    for text in ("first", "second"):
        with new_version(tmp_path, "model") as folder:
            (folder / text).write_text(text)
    assert [path.name for path in (tmp_path / "model" / "1").iterdir()] == ["second"]


def test_the_manifest_lists_every_file_with_its_sha256(tmp_path):
    folder = tmp_path / "7"
    (folder / "variables").mkdir(parents=True)
    (folder / "variables" / "data").write_bytes(b"weights")
    write_manifest(folder, name="model", framework="onnx", labels=["a"])
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["version"] == 7
    assert manifest["files"] == {"variables/data": {"sha256": hashlib.sha256(b"weights").hexdigest(), "bytes": 7}}


def test_a_model_below_its_required_accuracy_is_refused():
    require_accuracy({"held_out": 0.95}, {"held_out": 0.95})
    with pytest.raises(BuildFailed, match=r"held_out is 0\.9400, the least allowed is 0\.95"):
        require_accuracy({"held_out": 0.94}, {"held_out": 0.95})
