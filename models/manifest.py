"""Write a model version's `manifest.json`, and move a finished version into place."""

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ARTIFACTS = Path(__file__).parent / "artifacts"


class BuildFailed(Exception):
    """The model was not written; the message is one line for the person who runs the build."""


@contextmanager
def new_version(output: Path, name: str, version: int | None = 1) -> Iterator[Path]:
    """Yield a scratch folder that becomes `output/name/version` only if the block ends without an error.

    A service that watches `output/name` never sees a half-written version. `version=None` means the next version.
    """
    final = output / name / str(version or _next_version(output / name))
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".building-", dir=output) as scratch:
        building = Path(scratch) / final.name
        building.mkdir()
        yield building
        final.parent.mkdir(exist_ok=True)
        if final.exists():
            if version is None:
                raise BuildFailed(f"{final} has appeared in the meantime; package the model again")
            shutil.rmtree(final)
        building.rename(final)


def _next_version(folder: Path) -> int:
    versions = [int(path.name) for path in folder.glob("*") if path.name.isdecimal()]
    return max(versions, default=0) + 1


def write_manifest(folder: Path, *, name: str, framework: str, **fields: object) -> None:
    """Write `manifest.json` into the version's `folder`: the given fields, then sha256 and size of every file there.

    Args:
        fields: inputs and outputs (lists of name, dtype, shape; null for a free dimension), labels, accuracy
            (held-out measurements from 0 to 1), reproducible (what two builds have in common).
    """
    files = {
        path.relative_to(folder).as_posix(): {
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "bytes": path.stat().st_size,
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    manifest = {"name": name, "version": int(folder.name), "framework": framework, **fields, "files": files}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


def require_accuracy(measured: dict[str, float], least: dict[str, float]) -> None:
    """Raise `BuildFailed` for the first measurement that is below what the model must reach."""
    for split, bar in least.items():
        if measured[split] < bar:
            raise BuildFailed(f"accuracy on {split} is {measured[split]:.4f}, the least allowed is {bar}")


def argument_parser(description: str | None) -> argparse.ArgumentParser:
    """Return the parser that every builder has: `--output` is the folder that receives `name/version`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--output", type=Path, default=ARTIFACTS, help="folder for the model (default: %(default)s)")
    return parser


def run_build(name: str, build: Callable[[], dict[str, float]]) -> int:
    """Build, print the accuracy, and return the exit code: 1, with one line on stderr, on failure."""
    try:
        accuracy = build()
    except (BuildFailed, OSError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    print(f"{name}: built", *(f"{split} {value:.4f}" for split, value in accuracy.items()), sep="  ")
    return 0
