"""Golden answers: a version predicts rows only if it answers as its training framework did.

Protects from: a wrong output, swapped labels, logits taken for probabilities, a runtime that computes differently.
Costs: one prediction of a few rows in each run, and 200 lines to read.
Instead: compare the answers of each new version with those of its trainer before you put it into MODEL_DIR.
Remove: delete this folder and the lines that end with "# optional: golden"
"""

import logging

from ..artifact import Artifact
from ..model import Model
from .answers import check_answers

log = logging.getLogger(__name__)


def check_golden(model: Model, artifact: Artifact) -> None:
    """Raise `ArtifactRefused` unless the model gives its golden answers; warn if it has none."""
    if not check_answers(model, artifact):
        reason = "has no golden answers: its file was verified, its answers were not (python -m models.package)"
        log.warning("%s, version %d, %s", model.name, model.version, reason)
