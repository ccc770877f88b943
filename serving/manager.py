"""Load, swap and unload versions as the files and the configuration change, without failing a request.

A version is loaded and warmed up before it is AVAILABLE. An old version is unloaded once a new one is available and
the last call that uses the old one has ended. A version that failed stays in state END, with its error, until its
files change. Then it is tried again.
"""

import gc
import logging
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from .artifact import ArtifactRefused
from .catalogue import Catalogue, State, Version
from .errors import LoadFailed
from .model import Model, release_memory
from .versions import Files, ModelConfig, files_in, find

log = logging.getLogger(__name__)


class Manager:
    """Keeps a catalogue in step with the files and the configuration, in one thread."""

    def __init__(self, catalogue: Catalogue, load: Callable[[Path], Model], poll_seconds: float) -> None:
        """With `poll_seconds` 0 the files are read once, and again when the configuration changes."""
        self._catalogue, self._load, self._poll_seconds = catalogue, load, poll_seconds
        self._seen: dict[Path, tuple[Files, float]] = {}
        self._warnings: dict[str, str] = {}
        self.started: Future[None] = Future()  # done, or failed, once every version that was there has been tried

    def run(self) -> None:
        """Follow files and configuration forever."""
        catalogue = self._catalogue
        gc.freeze()  # TensorFlow's own objects; each gc.collect() after an unload would stop all threads for longer
        while True:
            models = catalogue.models
            try:
                self._reconcile()
                if not self.started.done():
                    self._check_start()
                    self.started.set_result(None)
            except (ArtifactRefused, LoadFailed) as error:
                self.started.set_exception(error)
            except Exception:  # the thread must live on, and try again with the next poll
                log.exception("cannot follow the models")
            with catalogue.changed:
                catalogue.changed.wait_for(partial(self._has_work, models), self._poll_seconds or None)

    def _has_work(self, models: Mapping[str, ModelConfig]) -> bool:
        return self._catalogue.models is not models or bool(self._catalogue.unused())

    def _check_start(self) -> None:
        """Raise if a model cannot be served. A model without versions is waited for, as in TensorFlow Serving."""
        for name, model in self._catalogue.models.items():
            if not self._catalogue.available(name):
                for version in self._catalogue.versions(name).values():
                    if version.error:
                        raise version.error
                if not self._poll_seconds:
                    raise ArtifactRefused(f"no versions found under base path {model.base_path}")

    def _reconcile(self) -> None:
        """Load the new versions of each model, and unload those that are not wanted any more."""
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
        """Return the versions to serve, highest first, or None if the folder cannot be read: then nothing changes."""
        model = self._catalogue.models.get(name)
        if model is None:
            return {}
        try:
            found = find(model.base_path)
        except OSError as error:
            self._warn(name, f"Could not find base path {model.base_path} for servable {name}: {error.strerror}")
            return None
        wanted = {number: found[number] for number in model.policy.choose(found)}
        self._warn(name, "" if wanted else f"No versions of servable {name} found under base path {model.base_path}")
        return wanted

    def _is_due(self, name: str, number: int, path: Path) -> bool:
        """Return whether to load a version: its files are new and, except at the start, unchanged for one poll."""
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
            version = Version(version.number, version.files)
            self._catalogue.add(name, version)
        version.files = self._seen[path][0]
        self._catalogue.move(version, State.LOADING)
        try:
            version.model = self._load(path)
        except LoadFailed as error:
            version.error = error
            log.error("%s", error)
            self._catalogue.move(version, State.END)
        else:
            self._catalogue.move(version, State.AVAILABLE)
            log.info("%s version %d is loaded from %s", name, version.number, path)

    def _retire(self, name: str, wanted: Collection[int]) -> None:
        """Unload the versions that are not wanted, unless no wanted version is available to replace them."""
        available = self._catalogue.available(name)
        for number, version in self._catalogue.versions(name).items():
            if number not in wanted and version.state == State.START:
                self._catalogue.move(version, State.END)
            elif number not in wanted and number in available and (not wanted or any(n in wanted for n in available)):
                self._catalogue.move(version, State.UNLOADING)
        self._unload()

    def _unload(self) -> None:
        """Release the memory of retired versions that no call uses."""
        for name, version in self._catalogue.unused():
            model, version.model = version.model, None
            if model:
                model.close()
            del model
            release_memory()
            self._catalogue.move(version, State.END)
            log.info("%s version %d is unloaded", name, version.number)

    def _warn(self, name: str, message: str) -> None:
        """Log what is wrong with a model's folder, once and not with each poll."""
        if message and self._warnings.get(name) != message:
            log.warning("%s", message)
        self._warnings[name] = message
