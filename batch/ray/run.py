"""A run: what is to be done, what earlier runs have done, and the end, when the output is complete."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow
from pyarrow import parquet

from ..errors import ServiceError
from .places import TEMPORARY, Place, complete_file
from .plan import Part, in_threads
from .score import Job

PLAN, SUCCESS = "_plan.json", "_SUCCESS"
Counts = dict[str, int]  # of rows: `done` and `failed`


class OutputRefused(ServiceError):
    """The output has files that must not be mixed with those of this run."""


@dataclass(frozen=True)
class Run:
    """A run whose input, model and options fit together; only a run with the same `plan` continues it."""

    job: Job
    output: Place  # the folder under its final name; the actors write to `job.output`
    plan: dict[str, Any]
    parts: Sequence[Part]

    def read_success(self) -> Counts | None:
        """Return the counts of the run that completed the output; None if it is not complete.

        Raises:
            OutputRefused: it is not an output of this plan.
        """
        if (self.output / SUCCESS).exists:
            found = _read_json(self.output / SUCCESS)
            self._check_same(self.output, found.get("plan"))
            return dict(found["counts"])
        if self.output != self.job.output:
            self.output.check_name()
        return None

    def begin(self) -> dict[int, Counts]:
        """Make the folder of the unfinished output, or continue in it; return the counts of the parts that are done.

        Raises:
            OutputRefused: it is not an unfinished output of this plan.
        """
        folder = self.job.output
        if (folder / PLAN).exists:
            self._check_same(folder, _read_json(folder / PLAN))
        elif not _is_free(folder):
            raise OutputRefused(f"{folder.path} is not an output of this command; choose another folder")
        folder.make_folders()
        with complete_file(folder, PLAN) as file:
            file.write(json.dumps(self.plan).encode())
        counts = in_threads(self._count, self.parts)
        return {part.number: found for part, found in zip(self.parts, counts, strict=True) if found}

    def finish(self, counts: Counts) -> None:
        """Mark the output as complete. On a local disk the folder gets its name only now."""
        if (found := sum(counts.values())) != (planned := sum(part.rows for part in self.parts)):
            raise OutputRefused(f"{found:,} of {planned:,} rows are done or failed; run the same command again")
        with complete_file(self.job.output, SUCCESS) as file:
            file.write(json.dumps({"plan": self.plan, "counts": counts}).encode())
        self.output.system.delete_dir((self.job.output / TEMPORARY).path)
        if self.job.output != self.output:
            self.output.system.move(self.job.output.path, self.output.path)

    def _check_same(self, folder: Place, other: Any) -> None:
        if not isinstance(other, dict) or not other:
            raise OutputRefused(f"{folder.path} is not an output of this command; choose another folder")
        for name, value in self.plan.items():
            if other.get(name) != value:
                was = f"{other.get(name)}, now {value}"
                raise OutputRefused(f"{folder.path} is of another run ({name}: {was}); choose another folder")

    def _count(self, part: Part) -> Counts | None:
        """Return the counts of a part that is done. A file that is not complete never has the part's name."""
        place = self.job.output / part.name
        try:
            with place.system.open_input_file(place.path) as file:
                metadata = parquet.read_metadata(file)
        except FileNotFoundError:
            return None
        except pyarrow.ArrowInvalid:  # not a Parquet file: written again
            return None
        return {"done": metadata.num_rows, "failed": part.rows - metadata.num_rows}


def make_plan(job: Job, options: dict[str, Any], parts: Sequence[Part]) -> dict[str, Any]:
    """Return what two runs must have in common to write the same files."""
    listed = json.dumps([asdict(part) for part in parts]).encode()
    read = {"input": f"{job.source.path} ({len(parts)} parts, {hashlib.sha256(listed).hexdigest()[:12]})"}
    hashes = hashlib.sha256(json.dumps(job.hashes, sort_keys=True).encode()).hexdigest()[:12]
    return read | {"model": f"version {job.version} ({hashes})"} | options


def _is_free(folder: Place) -> bool:
    """Return whether a folder holds nothing but empty folders and plans that were not completely written."""
    return not folder.info.is_file and all(file.path.endswith(f"-{PLAN}") for file in folder.files())


def _read_json(place: Place) -> dict[str, Any]:
    """Return the object that a file holds; an empty one if the file is another program's, such as Spark's _SUCCESS."""
    with place.system.open_input_stream(place.path) as file:
        try:
            found = json.loads(file.read())
        except ValueError:
            return {}
    return found if isinstance(found, dict) else {}
