"""The versions of each model and their states, shared by the requests and the thread that loads versions."""

import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import grpc
from tensorflow_serving.apis import model_pb2

from .errors import LoadFailed, RequestRefused, invalid
from .messages import get_model_status_pb2
from .versions import Files, ModelConfig

if TYPE_CHECKING:
    from .model import Model  # not at run time: it imports TensorFlow, and the flags are checked before that

State = get_model_status_pb2.ModelVersionStatus


class Version:
    """One version of a model: its state, why it failed, and how many calls use it now."""

    def __init__(self, number: int, files: Files) -> None:
        self.number, self.files = number, files
        self.state: int = State.START
        self.error: LoadFailed | None = None
        self.model: Model | None = None  # while it is loaded
        self.calls = 0


class Catalogue:
    """The configured models and every version that was ever loaded; safe to use from many threads.

    One lock guards all fields. It is held only briefly: no model is loaded, run or closed while it is held. The lock is
    a condition, so that threads can wait for a change of state.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.models: dict[str, ModelConfig] = {}
        self.allow_labels_for_unavailable_versions = False
        self._versions: dict[str, dict[int, Version]] = defaultdict(dict)

    def configure(self, models: Sequence[ModelConfig]) -> None:
        """Replace the configured models, or raise FAILED_PRECONDITION and change nothing."""
        with self.changed:
            for model in models:
                for label, number in model.labels.items():
                    self._check_label(model.name, label, number)
            for name in {model.name for model in models} - set(self.models):
                for version in self._versions.get(name, {}).values():
                    version.error = None  # from an earlier configuration: the version is tried again
            self.models = {model.name: model for model in models}
            self.changed.notify_all()

    def _check_label(self, name: str, label: str, number: int) -> None:
        before = self.models[name].labels.get(label, number) if name in self.models else number
        may_wait = self.allow_labels_for_unavailable_versions and before == number
        if number not in self.available(name) and not may_wait:
            message = f"Request to assign label to version {number} of model {name}, "
            message += "which is not currently available for inference"
            raise RequestRefused(grpc.StatusCode.FAILED_PRECONDITION, message)

    def names(self) -> list[str]:
        """Return every model that ever had a version."""
        with self.changed:
            return list(self._versions)

    def versions(self, name: str) -> Mapping[int, Version]:
        """Return every version that a model ever had, highest first."""
        with self.changed:
            return dict(sorted(self._versions.get(name, {}).items(), reverse=True))

    def available(self, name: str) -> Mapping[int, Version]:
        """Return the versions of a model that answer requests, highest first."""
        return {number: v for number, v in self.versions(name).items() if v.state == State.AVAILABLE}

    def unused(self) -> list[tuple[str, Version]]:
        """Return the versions to unload that no call uses any more, with their models' names."""
        with self.changed:
            every = [(name, version) for name, known in self._versions.items() for version in known.values()]
            return [(name, v) for name, v in every if v.state == State.UNLOADING and v.calls == 0]

    def served(self) -> bool:
        """Return whether every configured model has an available version."""
        with self.changed:
            return all(self.available(name) for name in self.models)

    def wait_until_served(self, served: bool) -> None:
        """Return as soon as `served()` has this value."""
        with self.changed:
            self.changed.wait_for(lambda: self.served() == served)

    def add(self, name: str, version: Version) -> None:
        """Add a version that is to be loaded. It replaces a version with the same number that has ended."""
        with self.changed:
            self._versions[name][version.number] = version

    def move(self, version: Version, state: int) -> None:
        """Change the state of a version."""
        with self.changed:
            version.state = state
            self.changed.notify_all()

    @contextmanager
    def use(self, spec: model_pb2.ModelSpec) -> Iterator[tuple[int, "Model"]]:
        """Keep the version that `spec` asks for loaded until the block ends; raise NOT_FOUND or INVALID_ARGUMENT."""
        with self.changed:
            version = self._find(spec)
            version.calls += 1
        try:
            yield version.number, cast("Model", version.model)
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
