from collections.abc import Callable
from pathlib import Path

import pytest

from web_single import verified
from web_single.app import load_predictor
from web_single.artifact import ArtifactRefused, open_artifact
from web_single.settings import Settings


def test_what_the_master_kept_is_served_whatever_the_disk_says(
    model_dir: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verified, "_kept", [])
    settings = Settings(model_dir=model_dir())
    verified.keep(verified.read_model(settings))
    (settings.model_dir / "3" / "model.onnx").write_bytes(b"altered")
    assert load_predictor(settings).version == 3
    with pytest.raises(ArtifactRefused, match="is not what was built"):
        verified.read_model(settings)


@pytest.mark.parametrize(
    ("meanwhile", "reason"),
    [(lambda file: file.write_bytes(b"altered"), "changed while it was read"), (Path.unlink, "cannot be read")],
)
def test_a_file_that_changes_between_its_check_and_its_use_is_refused(
    model_dir: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[Path], object], reason: str
) -> None:
    folder = model_dir()
    checked = open_artifact(folder)
    meanwhile(folder / "3" / "model.onnx")
    monkeypatch.setattr(verified, "open_artifact", lambda *_: checked)
    with pytest.raises(ArtifactRefused, match=reason):
        verified.read_model(Settings(model_dir=folder))
