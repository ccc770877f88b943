from collections.abc import Callable
from pathlib import Path

import pytest

from web_single.app import load_model
from web_single.artifact import ArtifactRefused, open_artifact
from web_single.settings import Settings
from web_single.workers import kept_model


def test_the_kept_model_is_served_whatever_happens_to_its_files(
    model_dir: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_model, "_kept", [])
    settings = Settings(model_dir=model_dir())
    kept_model.keep(open_artifact(settings.model_dir, keep=None))
    (settings.model_dir / "3" / "model.onnx").write_bytes(b"altered")
    assert load_model(settings).version == 3
    with pytest.raises(ArtifactRefused, match="is not what was built"):
        open_artifact(settings.model_dir)


def test_the_bytes_that_were_verified_are_returned(model_dir: Callable[..., Path]) -> None:
    folder = model_dir()
    graph = (folder / "3" / "model.onnx").read_bytes()
    assert open_artifact(folder, keep=["model.onnx"]).files == {"model.onnx": graph}
    assert open_artifact(folder).files == {}
