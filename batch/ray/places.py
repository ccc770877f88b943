"""Files in a folder or a bucket, through pyarrow's file systems. A file gets its name when it is complete."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import pyarrow
from pyarrow import fs

from ..errors import ServiceError

FAILED, TEMPORARY = "_failed", "_temporary"  # readers of Parquet folders ignore names that begin with _
ATTEMPTS = 5  # at a part whose processes are lost


class PlaceRefused(ServiceError):
    """There is nothing to read at an address, or something that must not be replaced."""


@dataclass(frozen=True)
class Place:
    """A file or a folder: `uri` names its file system, `path` is its path there."""

    uri: str
    path: str

    @property
    def system(self) -> Any:
        return _system(self.uri)

    @property
    def is_local(self) -> bool:
        return isinstance(self.system, fs.LocalFileSystem)

    def at(self, path: str) -> "Place":
        """Return another path of the same file system."""
        return Place(self.uri, path)

    def __truediv__(self, name: str) -> "Place":
        return self.at(f"{self.path}/{name}")

    @property
    def info(self) -> Any:
        return self.system.get_file_info(self.path)

    @property
    def exists(self) -> bool:
        return bool(self.info.type != fs.FileType.NotFound)

    def files(self) -> list[Any]:
        """Return the files in and below this folder, by name; none if it does not exist."""
        found = self.system.get_file_info(fs.FileSelector(self.path, recursive=True, allow_not_found=True))
        try:
            return sorted((each for each in found if each.type == fs.FileType.File), key=lambda each: str(each.path))
        except UnicodeDecodeError:
            raise PlaceRefused(f"{self.path}: the name of a file in it is not UTF-8") from None

    def contains(self, other: "Place") -> bool:
        """Return whether the other place is this one, or is in it."""
        return self.system == other.system and f"{other.path}/".startswith(f"{self.path.rstrip('/')}/")

    def check_name(self) -> None:
        """Raise `PlaceRefused` unless a local folder can get this name: nothing has it, or only an empty folder."""
        if os.path.ismount(self.path):
            raise PlaceRefused(f"{self.path} is a mount point, which no folder can replace; name a folder in it")
        if self.exists and (self.info.is_file or os.listdir(self.path)):
            raise PlaceRefused(f"{self.path} is not an output of this command; choose another folder")

    def make_folders(self) -> None:
        """Make the folders of an output, and remove what earlier attempts have left."""
        for name in ("", FAILED, TEMPORARY):
            self.system.create_dir((self / name).path.rstrip("/"), recursive=True)
        self.system.delete_dir_contents((self / TEMPORARY).path)


def open_place(address: str) -> Place:
    """Return the place that an address names: a local path, `s3://...`, `gs://...`, or another that pyarrow knows.

    Links in a local path are resolved: a folder then has one name, and a finished output can be renamed to it.
    """
    try:
        address.encode()
    except UnicodeEncodeError:
        raise PlaceRefused(f"{address!a}: its name is not UTF-8") from None
    if "://" not in address:
        return Place("", os.path.realpath(address))
    try:
        system, path = fs.FileSystem.from_uri(address)
    except (pyarrow.ArrowException, ValueError, OSError) as error:
        shown = address.rpartition("@")[2]  # a password may be before it
        raise PlaceRefused(f"{shown}: {' '.join(str(error).replace(address, shown).split())}") from None
    if isinstance(system, fs.LocalFileSystem):
        return Place("", os.path.realpath(path))
    return Place(address, path.rstrip("/"))


@cache
def _system(uri: str) -> Any:
    return fs.FileSystem.from_uri(uri)[0] if uri else fs.LocalFileSystem()


class PartCrashes(ServiceError):
    """Something in a part ends each process that works on it."""


@contextmanager
def attempt(folder: Place, name: str) -> Iterator[None]:
    """Count the attempts at a file: a mark stays in the folder if the process ends before the block does.

    Raises:
        PartCrashes: there are marks of `ATTEMPTS` earlier attempts.
    """
    marks = folder / TEMPORARY
    earlier = [info for info in marks.files() if info.base_name.startswith(f"{name}.")]
    if len(earlier) >= ATTEMPTS:
        raise PartCrashes(f"{name}: {ATTEMPTS} processes that worked on it have ended, as if its rows crash the model")
    mark = marks / f"{name}.{uuid.uuid4().hex}"
    folder.system.open_output_stream(mark.path).close()
    try:
        yield
    finally:
        folder.system.delete_file(mark.path)


@contextmanager
def complete_file(folder: Place, name: str) -> Iterator[Any]:
    """Yield a file to write; it gets its name in the folder if the block succeeds.

    Object stores keep a file that is closed early, so the file has another name until it is complete. Two processes may
    write the same file: each has a name of its own for it, and both write the same bytes.
    """
    temporary = folder / TEMPORARY / f"{uuid.uuid4().hex}-{os.path.basename(name)}"
    with folder.system.open_output_stream(temporary.path) as file:
        yield file
    if folder.is_local:  # after a power failure, a file with its final name must have its content
        with open(temporary.path, "rb") as written:
            os.fsync(written.fileno())
    folder.system.move(temporary.path, (folder / name).path)
