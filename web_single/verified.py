"""The model as it was read and verified: once by the master, for all the workers that fork from it.

What the master keeps here its workers have too, so none of them looks at the disk again. Whatever happens to the
artefact there, a worker that takes the place of a dead one serves the very bytes that were verified. In memory rather
than as a private copy of the files, because nobody can alter it, nothing fills up and nothing has to be removed.
"""

from dataclasses import dataclass

from .artifact import Artifact, open_artifact
from .settings import Settings

MODEL_FILE = "model.onnx"


@dataclass(frozen=True)
class Model:
    """A verified artefact and the bytes of its graph."""

    artifact: Artifact
    graph: bytes


_kept: list[Model] = []


def keep(model: Model) -> None:
    """Let this be what workers serve that fork from now on."""
    _kept[:] = [model]


def current_model(settings: Settings) -> Model:
    """Return what the master kept, or, where there is no master, what the settings name."""
    return _kept[0] if _kept else read_model(settings)


def read_model(settings: Settings) -> Model:
    """Return the version on disk that the settings name; raise `ArtifactRefused` unless it is what was built."""
    artifact = open_artifact(settings.model_dir, settings.model_version, keep=[MODEL_FILE])
    return Model(artifact, artifact.files[MODEL_FILE])
