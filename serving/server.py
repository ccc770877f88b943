"""The server: load the models, listen on both ports, follow new versions, stop on a signal."""

import logging
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import grpc
from grpc_health.v1.health import HealthServicer
from starlette.routing import Route

from .artifact import ArtifactRefused
from .catalogue import Catalogue
from .errors import LoadFailed, RequestRefused
from .flags import FlagParser, Flags
from .hooks import Answer, Observer
from .ports import check_free, listen, listening
from .versions import ModelConfig

if TYPE_CHECKING:
    from .manager import Manager
    from .model import Model
    from .service import Service

log = logging.getLogger(__name__)


class Part(Protocol):
    """What an optional folder provides: its flags, and what it changes in a server."""

    def add_flags(self, parser: FlagParser) -> None: ...
    def attach(self, server: "Server") -> None: ...


class Server:
    """The server that the flags describe. An optional folder changes its attributes before `run`."""

    def __init__(self, flags: Flags) -> None:
        self.flags = flags
        self.catalogue = Catalogue()
        self.models: list[ModelConfig] = []
        if flags.model_base_path:
            self.models.append(ModelConfig(flags.model_name, flags.model_base_path.absolute()))
        self.observer = Observer()
        self.prepare_model: list[Callable[[Model], None]] = []  # each gets every loaded model before its warm-up
        self.prepare_service: list[Callable[[Service], None]] = []  # each gets the service before the server listens
        self.kept_files: list[str] = []  # of an artefact, which `prepare_model` may read
        self.methods: dict[str, tuple[Answer, Any]] = {}  # of the gRPC ModelService, with their request messages
        self.routes: list[Route] = []  # of the REST port
        self.grpc_options: list[tuple[str, int | str]] = []
        self.grpc_credentials: grpc.ServerCredentials | None = None  # None: without TLS
        self.sockets: list[str] = []  # more addresses for gRPC, always without TLS
        self.background: list[Callable[[], None]] = []  # each has a thread while the server listens

    def run(self) -> None:
        """Load the models, then answer until SIGTERM or SIGINT.

        Raises:
            ArtifactRefused: a model has no version that can be served.
            OSError, RuntimeError: a port is in use.
        """
        check_free(self.flags)
        # Not at the top: these import TensorFlow, which takes seconds, and a wrong flag is reported before that.
        from . import grpc_service, health, loading, manager, rest, service

        flags = self.flags
        load = partial(loading.open_model, flags=flags, observer=self.observer)
        load = partial(load, prepare=self.prepare_model, keep=self.kept_files)
        self._start(manager.Manager(self.catalogue, load, flags.file_system_poll_wait_seconds))
        answers, status = service.Service(self.catalogue, self.observer), HealthServicer()
        for change in self.prepare_service:
            change(answers)
        calls = grpc_service.create_server(answers, status, flags.grpc_max_threads, self.methods, self.grpc_options)
        listen(calls, flags, self.grpc_credentials, self.sockets)
        app = rest.create_app(answers, flags, self.routes)
        signals: list[int] = []
        on_signal(lambda number, _: signals.append(number))
        with listening(calls, app, flags):
            _in_background(partial(health.follow, self.catalogue, status))
            for target in self.background:
                _in_background(target)
            names = ", ".join(self.catalogue.models) or "no models"
            where = f"gRPC on {flags.bind_address}:{flags.port}, REST on port"
            log.info("%s: %s %s", names, where, flags.rest_api_port or "none")
            while not signals:
                time.sleep(0.1)
            status.enter_graceful_shutdown()

    def _start(self, manager: "Manager") -> None:
        """Load the models; a model that has no version yet is waited for, as in TensorFlow Serving."""
        try:
            self.catalogue.configure(self.models)
            _in_background(manager.run)
            # Not one long wait: the kernel may give a signal to another thread, and this one sees it when it wakes.
            while not (manager.started.done() and (manager.started.exception() or self.catalogue.served())):
                time.sleep(0.1)
            manager.started.result()
        except (LoadFailed, RequestRefused) as error:
            raise ArtifactRefused(str(error)) from error


def _in_background(target: Callable[[], None]) -> None:
    threading.Thread(target=target, daemon=True).start()


def on_signal(act: Callable[[int, object], object]) -> None:
    """Call `act` at SIGTERM and SIGINT. It must not raise: Python drops an exception that is raised in a finalizer."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, act)
