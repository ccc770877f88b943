"""The limits that the table's columns set for a model."""

from ..artifact import ArtifactRefused
from ..model import Model
from ..tables import LABEL_LENGTH

LARGEST_VERSION = 2**31 - 1  # of an INTEGER


def check_limits(model: Model) -> None:
    """Raise `ArtifactRefused` if a label or the version of a model is beyond the limit of its column."""
    if len(label := max(model.labels, key=len, default="")) > LABEL_LENGTH:
        raise ArtifactRefused(f"manifest.json: labels: {label[:40]!r}... exceeds {LABEL_LENGTH} characters; shorten it")
    if model.version > LARGEST_VERSION:
        raise ArtifactRefused(f"version {model.version} exceeds {LARGEST_VERSION}; rename its folder to a lower number")
