"""Rows for trying a copy of the batch pattern, taken from the golden rows of its own model."""

from pathlib import Path

from .readme import TEMPLATES

WORDS = {
    "from .flowers import flowers\n": "",
    "from .flowers import CHUNK_ROWS": "from .samples import CHUNK_ROWS",
    "Iris-like rows. The same seed gives the same rows.": "golden rows of the model, drawn with repetition.",
    "Iris-like rows to add.": "Golden rows of the model to add.",
    "([(row, None) for row in chunk] for chunk in flowers(rows or 0, seed or 0))": "(\n            "
    "[(row, None) for row in chunk] for chunk in samples(settings, rows or 0, seed or 0)\n        )",
    "rows that look like flowers": "golden rows of the model",
    "check_options, rows_of\n": "check_options, rows_of\nfrom .samples import samples\n",
}


def fit_seed(copy: Path) -> None:
    """Let `seed --rows` of a copy add rows that its model takes, instead of flowers."""
    folder = copy / "seed"
    (folder / "flowers.py").unlink()
    (folder / "samples.py").write_text((TEMPLATES / "samples.txt").read_text())
    for name in ("__init__.py", "__main__.py", "options.py"):
        text = (folder / name).read_text()
        for old, new in WORDS.items():
            text = text.replace(old, new)
        (folder / name).write_text(text)
