"""The real HAProxy with the real `haproxy.cfg`, on free ports, in front of a tiny service."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from .names import NameServer
from .running import NAMES, Gateway
from .upstream import Upstream, answer_ok


class InFront(Gateway):
    """A gateway in front of one tiny service, which stands for all three."""

    def __init__(self, stack: ExitStack, folder, **settings: str) -> None:
        self.names, self.upstream = stack.enter_context(NameServer()), stack.enter_context(Upstream())
        for name in NAMES.values():
            self.names.addresses[name] = ["127.0.0.1"]
        addresses = {variable: f"{name}:{self.upstream.port}" for variable, name in NAMES.items()}
        super().__init__(folder, NAMESERVER=self.names.address, **addresses | settings)
        stack.callback(self.program.stop)
        self.wait_for(*(variable.lower() for variable in NAMES if variable not in settings))
        self.upstream.received.clear()


@pytest.fixture
def start_gateway(tmp_path) -> Iterator[Callable[..., InFront]]:
    """Start a gateway of the test's own; `settings` are environment variables."""
    with ExitStack() as stack:
        yield lambda **settings: InFront(stack, tmp_path, **settings)


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Iterator[InFront]:
    with ExitStack() as stack:
        yield InFront(stack, tmp_path_factory.mktemp("gateway"))


@pytest.fixture
def gateway(shared) -> InFront:
    """A gateway with its defaults, which the tests of a module share."""
    shared.upstream.answer = answer_ok
    shared.upstream.received.clear()
    return shared
