"""Golden answers: a version is served only if it answers as its training framework did.

Protects from: a wrong output, swapped labels, logits taken for probabilities, a runtime that computes differently.
Costs: one prediction of a few rows at each load, and 200 lines to read.
Instead: compare the answers of each new version with those of its trainer before you put it into MODEL_DIR.
Remove: delete this folder and the lines that end with "# optional: golden"
"""

import logging
from functools import cache

from ..artifact import Artifact
from ..model import Model
from .answers import check_answers

log = logging.getLogger("gunicorn.error.golden")  # inherits gunicorn's log format; without gunicorn there is none


def check_golden(model: Model, artifact: Artifact) -> None:
    """Raise `ArtifactRefused` unless the model gives its golden answers; warn if it has none."""
    if not check_answers(model, artifact):
        warn_once(model.name, model.version)


@cache  # workers inherit the master's cache, so they do not log again
def warn_once(name: str, version: int) -> None:
    """Log, once, that the answers of a model are not verified."""
    reason = "has no golden answers: its file was verified, its answers were not (python -m models.package)"
    log.warning("%s, version %d, %s", name, version, reason)
