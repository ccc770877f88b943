"""Loads, swaps and unloads versions, as the files and the configuration say, without failing a request.

A version is loaded and warm before it is AVAILABLE. An old one goes when a new one is there, and when the last call
that uses it has ended. One that failed stays END, with its error, until its files change: then it is tried again.
"""

import ctypes
import gc
import logging
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from .artifact import ArtifactRefused
from .catalogue import Catalogue, State, Version
from .config import ModelConfig
from .model import LoadFailed
from .servable import Servable
from .versions import Files, files_in, find

_MALLOC_TRIM = getattr(ctypes.CDLL(None), "malloc_trim", lambda pad: 0)  # in glibc alone
log = logging.getLogger(__name__)


class Manager:
    """Keeps a catalogue as it should be, in one thread."""

    def __init__(self, catalogue: Catalogue, load: Callable[[Path], Servable], poll_seconds: float) -> None:
        """With `poll_seconds` 0 the files are looked at once, and again when the configuration changes."""
        self._catalogue, self._load, self._poll_seconds = catalogue, load, poll_seconds
        self._seen: dict[Path, tuple[Files, float]] = {}
        self._said: dict[str, str] = {}
        self.started: Future[None] = Future()  # done, or refused, when what is there at the start was tried

    def run(self) -> None:
        """Follow files and configuration for ever (the target of a thread)."""
        catalogue = self._catalogue
        gc.freeze()  # the framework's objects: else each gc.collect() after an unload would stop all threads for long
        while True:
            models = catalogue.models
            try:
                self._follow()
                if not self.started.done():
                    self._check_start()
                    self.started.set_result(None)
            except (ArtifactRefused, LoadFailed) as error:
                self.started.set_exception(error)
            except Exception:  # one look is this thread's job: a failure in it must not be the end of all looking
                log.exception("cannot follow the models")
            with catalogue.changed:
                catalogue.changed.wait_for(partial(self._has_work, models), self._poll_seconds or None)

    def _has_work(self, models: Mapping[str, ModelConfig]) -> bool:
        return self._catalogue.models is not models or bool(self._catalogue.unused())

    def _check_start(self) -> None:
        """Raise when a model is not served and will not be; one without versions is waited for, as in the real one."""
        for name, model in self._catalogue.models.items():
            if not self._catalogue.available(name):
                for version in self._catalogue.versions(name).values():
                    if version.error:
                        raise version.error
                if not self._poll_seconds:
                    raise ArtifactRefused(f"no versions found under base path {model.base_path}")

    def _follow(self) -> None:
        """Look at each model once: load what is new, and unload what is not wanted any more."""
        self._unload()
        for name in {**self._catalogue.models, **dict.fromkeys(self._catalogue.names())}:
            wanted = self._wanted(name)
            if wanted is None:
                continue
            due = {number: path for number, path in wanted.items() if self._is_due(name, number, path)}
            for number, path in due.items():
                self._load_version(name, self._catalogue.versions(name)[number], path)
                self._retire(name, wanted)
            self._retire(name, wanted)

    def _wanted(self, name: str) -> dict[int, Path] | None:
        """Return the versions to serve, highest first; None leaves all as it is, for a folder that cannot be read."""
        model = self._catalogue.models.get(name)
        if model is None:
            return {}
        try:
            found = find(model.base_path)
        except OSError as error:
            self._say(name, f"Could not find base path {model.base_path} for servable {name}: {error.strerror}")
            return None
        wanted = {number: found[number] for number in model.policy.choose(found)}
        self._say(name, "" if wanted else f"No versions of servable {name} found under base path {model.base_path}")
        return wanted

    def _is_due(self, name: str, number: int, path: Path) -> bool:
        """Tell whether to load a version: its files rested for one poll (or were there at the start), and are new."""
        version = self._catalogue.versions(name).get(number)
        if version and version.state not in (State.START, State.END):
            return False
        files, now = files_in(path), time.monotonic()
        before, since = self._seen.get(path, (None, now))
        self._seen[path] = files, since if files == before else now
        if version is None or (version.state == State.END and version.error is None):
            self._catalogue.add(name, Version(number, files))
        elif version.state == State.END and version.files == files:
            return False
        return not self.started.done() or now - self._seen[path][1] >= self._poll_seconds

    def _load_version(self, name: str, version: Version, path: Path) -> None:
        if version.error:
            self._catalogue.add(name, version := Version(version.number, version.files))
        version.files = self._seen[path][0]
        self._catalogue.move(version, State.LOADING)
        try:
            version.servable = self._load(path)
        except LoadFailed as error:
            version.error = error
            log.error("%s", error)
            self._catalogue.move(version, State.END)
        else:
            self._catalogue.move(version, State.AVAILABLE)
            log.info("%s version %d is loaded from %s", name, version.number, path)

    def _retire(self, name: str, wanted: Collection[int]) -> None:
        """Unload what is not wanted, unless nothing that is wanted could be asked in its place."""
        available = self._catalogue.available(name)
        for number, version in self._catalogue.versions(name).items():
            if number not in wanted and version.state == State.START:
                self._catalogue.move(version, State.END)
            elif number not in wanted and number in available and (not wanted or any(n in wanted for n in available)):
                self._catalogue.move(version, State.UNLOADING)
        self._unload()

    def _unload(self) -> None:
        """Give back the memory of retired versions that no call uses."""
        for name, version in self._catalogue.unused():
            servable, version.servable = version.servable, None
            if servable:
                servable.close()
            del servable
            gc.collect()  # a graph is full of cycles
            _MALLOC_TRIM(0)  # else what glibc got back stays with the thread that loaded it
            self._catalogue.move(version, State.END)
            log.info("%s version %d is unloaded", name, version.number)

    def _say(self, name: str, message: str) -> None:
        """Log what is wrong with a model's folder, once and not with each poll."""
        if message and self._said.get(name) != message:
            log.warning("%s", message)
        self._said[name] = message
