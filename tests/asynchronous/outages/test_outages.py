"""What a worker learns about TensorFlow Serving when a call has failed."""

import contextlib
import socket
import threading

import pytest

from asynchronous.consumer import Result
from asynchronous.model import ServingUnavailable
from asynchronous.outages.patient import PatientModel

from ..conftest import label_of, png


@pytest.fixture
def model(fake, settings):
    return PatientModel(settings(serving_grpc=fake.target))


def test_an_image_that_is_refused_because_of_another_gets_its_label(model):
    image = png("blame=2")
    assert model.predict([image]) == [Result(label_of(image), 0.75)]


def test_a_serving_program_that_does_not_serve_is_unavailable_but_not_lost(model, fake):
    fake.away.touch()
    with pytest.raises(ServingUnavailable, match="not serving") as raised:
        model.predict([png()])
    assert not raised.value.lost
    assert model.is_served(60)


def test_a_connection_that_breaks_during_a_call_is_lost_and_reconnects(model, fake):
    with pytest.raises(ServingUnavailable) as raised:
        model.predict([png("die")])
    assert raised.value.lost
    assert not model.is_served(0.1)
    fake.restart_after_crash()
    assert model.is_served(60)
    assert model.predict([png()])


class Relay:
    """A TCP relay; when it is cut, neither side is told, as when a machine is gone."""

    def __init__(self, target):
        self._host, _, self._port = target.rpartition(":")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.target, self._pairs = f"127.0.0.1:{self._listener.getsockname()[1]}", []
        self._opened = contextlib.ExitStack()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                caller = self._opened.enter_context(self._listener.accept()[0])
                server = self._opened.enter_context(socket.create_connection((self._host, int(self._port))))
                pair = caller, server
                self._pairs.append(pair)
                for source, sink in (pair, pair[::-1]):
                    threading.Thread(target=self._copy, args=(pair, source, sink), daemon=True).start()

    def _copy(self, pair, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if pair in self._pairs:
                    sink.sendall(data)

    def cut(self):
        """Stop copying on open connections; new connections work."""
        self._pairs.clear()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)  # or the thread would go on accepting
        self._thread.join()
        self._listener.close()
        self._opened.close()


def test_a_connection_whose_other_end_is_gone_is_lost_and_replaced(fake, settings):
    with contextlib.closing(Relay(fake.target)) as relay:
        model = PatientModel(settings(serving_grpc=relay.target, predict_timeout=8))
        assert model.predict([png()])
        relay.cut()
        with pytest.raises(ServingUnavailable, match="DEADLINE_EXCEEDED") as raised:
            model.predict([png()])
        assert raised.value.lost
        assert model.is_served(60)
        assert model.predict([png()])
