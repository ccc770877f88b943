"""What is loaded, in which state, and who uses it: the one place that requests and the loading thread share."""

import threading
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import cast

import grpc
from tensorflow_serving.apis import model_pb2

from .config import ModelConfig
from .errors import RequestRefused, invalid
from .messages import get_model_status_pb2
from .model import LoadFailed
from .servable import Servable
from .versions import Files

State = get_model_status_pb2.ModelVersionStatus


class Version:
    """One version of a model: its state, why it failed, and how many calls use it now."""

    def __init__(self, number: int, files: Files) -> None:
        self.number, self.files = number, files
        self.state: int = State.START
        self.error: LoadFailed | None = None
        self.servable: Servable | None = None
        self.calls = 0


class Catalogue:
    """The configured models and every version that was ever loaded; safe to use from many threads.

    One lock guards all of it, and is held for moments only: nothing is loaded, run or closed under it. It is a
    condition too, by which those who wait for a state hear of every change.
    """

    def __init__(self, labels_may_wait: bool) -> None:
        """With `labels_may_wait` a new label may name a version that is not AVAILABLE yet."""
        self.changed = threading.Condition()
        self.models: dict[str, ModelConfig] = {}
        self._versions: dict[str, dict[int, Version]] = defaultdict(dict)
        self._labels_may_wait = labels_may_wait

    def configure(self, models: Sequence[ModelConfig]) -> None:
        """Take `models` in the place of those before, or raise FAILED_PRECONDITION and keep those."""
        with self.changed:
            for model in models:
                for label, number in model.labels.items():
                    self._check_label(model.name, label, number)
            for name in {model.name for model in models} - set(self.models):
                for version in self._versions.get(name, {}).values():
                    version.error = None  # of the last time that it was configured: now it is tried anew
            self.models = {model.name: model for model in models}
            self.changed.notify_all()

    def _check_label(self, name: str, label: str, number: int) -> None:
        before = self.models[name].labels.get(label, number) if name in self.models else number
        if number not in self.available(name) and not (self._labels_may_wait and before == number):
            message = f"Request to assign label to version {number} of model {name}, "
            message += "which is not currently available for inference"
            raise RequestRefused(grpc.StatusCode.FAILED_PRECONDITION, message)

    def versions(self, name: str) -> Mapping[int, Version]:
        """Return every version of a model that there was, highest first."""
        with self.changed:
            return dict(sorted(self._versions.get(name, {}).items(), reverse=True))

    def unused(self) -> list[tuple[str, Version]]:
        """Return the versions to unload, by model, that no call uses any more."""
        with self.changed:
            every = [(name, version) for name, known in self._versions.items() for version in known.values()]
            return [(name, v) for name, v in every if v.state == State.UNLOADING and v.calls == 0]

    def names(self) -> list[str]:
        """Return the models of which there ever was a version."""
        with self.changed:
            return list(self._versions)

    def available(self, name: str) -> Mapping[int, Version]:
        """Return the versions of a model that can be asked, highest first."""
        return {number: v for number, v in self.versions(name).items() if v.state == State.AVAILABLE}

    def served(self) -> bool:
        """Tell whether every configured model has a version that can be asked."""
        with self.changed:
            return all(self.available(name) for name in self.models)

    def wait_until_served(self, served: bool) -> None:
        """Return as soon as `served()` is what is asked for."""
        with self.changed:
            self.changed.wait_for(lambda: self.served() == served)

    def wait_until_tried(self, names: Collection[str], timeout: float) -> list[str]:
        """Wait until each of these models is served or has failed; return those that are not served."""
        with self.changed:
            self.changed.wait_for(lambda: all(self.available(n) or self._failed(n) for n in names), timeout)
            return [name for name in names if not self.available(name)]

    def _failed(self, name: str) -> bool:
        return any(version.error for version in self.versions(name).values())

    def add(self, name: str, version: Version) -> None:
        """Note a version that is to be loaded, in the place of one that ended."""
        with self.changed:
            self._versions[name][version.number] = version

    def move(self, version: Version, state: int) -> None:
        """Change the state of a version."""
        with self.changed:
            version.state = state
            self.changed.notify_all()

    @contextmanager
    def use(self, spec: model_pb2.ModelSpec) -> Iterator[tuple[int, Servable]]:
        """Keep the version that `spec` asks for until the block ends; raise NOT_FOUND or INVALID_ARGUMENT."""
        with self.changed:
            version = self._find(spec)
            version.calls += 1
        try:
            yield version.number, cast(Servable, version.servable)
        finally:
            with self.changed:
                version.calls -= 1
                if version.calls == 0 and version.state == State.UNLOADING:
                    self.changed.notify_all()

    def _find(self, spec: model_pb2.ModelSpec) -> Version:
        if not spec.name:
            raise invalid("ModelSpec has no name specified.")
        choice = spec.WhichOneof("version_choice")
        number = spec.version.value
        if choice == "version_label":
            labels = self.models[spec.name].labels if spec.name in self.models else {}
            if spec.version_label not in labels:
                raise invalid(f"Unrecognized servable version label: {spec.version_label}")
            number = labels[spec.version_label]
        available = self.available(spec.name)
        found = available.get(number) if choice else next(iter(available.values()), None)
        if found is None:
            wanted = f"Specific({spec.name}, {number})" if choice else f"Latest({spec.name})"
            raise RequestRefused(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {wanted}")
        return found
