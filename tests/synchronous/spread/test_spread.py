"""Calls reach every server behind a name, also one that joins and no longer one that left, and no call fails."""

import socket
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from unittest.mock import Mock

import grpc
import pytest

from local.processes import wait_until
from synchronous.client import ServingError, connect
from synchronous.rest import addresses
from synchronous.spread import channel_pool
from tests.synchronous.fakes import serving
from tests.synchronous.names import name_server

HOSTS = ["127.0.0.2", "127.0.0.3", "127.0.0.4"]


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """A client resolves names again after half a second, not after 20."""
    monkeypatch.setattr(channel_pool, "RENEW_SECONDS", 0.5)
    monkeypatch.setattr(addresses, "RENEW_SECONDS", 0.5)


class Servers:
    """Servers on several addresses and one port; `counts` are the calls that each answered."""

    def __init__(self, protocol, port):
        self.protocol, self.port, self.counts, self.running = protocol, port, Counter(), {}

    def answer(self, host, images):
        self.counts[host] += 1
        return ["7"] * len(images)

    def start(self, host):
        self.running[host] = ExitStack()
        self.running[host].enter_context(serving(self.protocol, partial(self.answer, host), self.port, host))

    def stop(self, host):
        self.running.pop(host).close()

    def reset(self):
        self.counts.clear()


@pytest.fixture(params=["grpc", "rest"])
def servers(request, free_port):
    servers = Servers(request.param, free_port())
    for host in HOSTS:
        servers.start(host)
    yield servers
    for host in list(servers.running):
        servers.stop(host)


@pytest.fixture
def named(servers, monkeypatch):
    """The addresses behind one name, as the servers' protocol resolves it, and the client's target."""
    with name_server() as names:
        names.addresses = [*HOSTS]

        def lookup(host, port, *more):
            if not names.addresses:
                raise socket.gaierror("no such name")
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in names.addresses]

        if servers.protocol == "rest":
            monkeypatch.setattr("socket.getaddrinfo", lookup)
        yield names, names.target(servers.port) if servers.protocol == "grpc" else f"dns:///serving.test:{servers.port}"


@contextmanager
def callers(servers, target):
    """Call without a pause, in four threads. When the block ends, no call may have failed."""
    done, failed = threading.Event(), []

    def call(client):
        while not done.is_set():
            try:
                client.predict([b"image"], 60)
            except Exception as error:  # noqa: BLE001
                failed.append(error)

    with connect(servers.protocol, target) as client:
        threads = [threading.Thread(target=call, args=[client]) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            done.set()
            for thread in threads:
                thread.join()
    assert failed == []


def shares(counts, hosts):
    """Return whether each host got a quarter of the calls, and there were enough of them."""
    total = sum(counts.values())
    return total >= 100 and all(counts[host] >= 0.75 * total / len(hosts) for host in hosts)


def test_every_server_gets_its_share_when_one_leaves_and_another_joins(servers, named):
    names, target = named
    with callers(servers, target):
        wait_until(lambda: shares(servers.counts, HOSTS), 120)
        names.addresses = HOSTS[:2]
        servers.stop(HOSTS[2])
        servers.reset()
        wait_until(lambda: shares(servers.counts, HOSTS[:2]), 120)
        servers.start("127.0.0.5")
        names.addresses = [*HOSTS[:2], "127.0.0.5"]
        wait_until(lambda: servers.counts["127.0.0.5"] > 0, 120)
        servers.reset()
        wait_until(lambda: shares(servers.counts, names.addresses), 120)


def test_several_addresses_share_the_calls_and_one_without_a_server_fails_none(servers):
    target = ",".join(f"{host}:{servers.port}" for host in [*HOSTS, "127.0.0.9"])
    with callers(servers, target):
        wait_until(lambda: shares(servers.counts, HOSTS), 120)
        servers.stop(HOSTS[0])
        servers.reset()
        wait_until(lambda: shares(servers.counts, HOSTS[1:]), 120)


@pytest.mark.parametrize("protocol", ["grpc", "rest"])
def test_a_server_whose_machine_is_gone_fails_no_call(protocol, free_port):
    port = free_port()
    with ExitStack() as stack:
        gone = stack.enter_context(socket.create_server(("127.0.0.9", port), backlog=0))
        for _ in range(2):  # the queue is full now, so that nothing answers a new connection
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(gone.getsockname())
        stack.enter_context(serving(protocol, lambda images: ["7"] * len(images), port))
        client = stack.enter_context(connect(protocol, f"127.0.0.9:{port},127.0.0.1:{port}"))
        for _ in range(4):
            assert client.predict([b"image"], 30)[0].label == "7"


@pytest.mark.parametrize("protocol", ["grpc", "rest"])
def test_a_server_that_hangs_is_asked_last_and_not_again_by_every_second_call(protocol, monkeypatch):
    for module in channel_pool, addresses:
        monkeypatch.setattr(module, "RENEW_SECONDS", 600)
        monkeypatch.setattr(module, "REST_SECONDS", 600)
    hanging = threading.Event()
    with (
        serving(protocol, lambda images: hanging.wait(200) and ["1"] * len(images)) as bad,
        serving(protocol, lambda images: ["7"] * len(images)) as good,
        connect(protocol, f"{bad},{good}") as client,
    ):
        try:
            codes = [code_of(client, 2) for _ in range(8)]
        finally:
            hanging.set()
        assert (codes.count("DEADLINE_EXCEEDED"), codes.count("7")) == (1, 7)


@pytest.mark.parametrize("protocol", ["grpc", "rest"])
def test_servers_that_were_all_too_slow_for_one_caller_are_asked_in_turn(protocol, monkeypatch):
    for module in channel_pool, addresses:
        monkeypatch.setattr(module, "REST_SECONDS", 600)
    released, asked = threading.Event(), Counter()

    def answer(name, images):
        asked[name] += released.is_set()
        return released.wait(200) and ["7"] * len(images)

    with (
        serving(protocol, partial(answer, "one")) as one,
        serving(protocol, partial(answer, "other")) as other,
        connect(protocol, f"{one},{other}") as client,
    ):
        assert [code_of(client, 0.3) for _ in range(4)] == ["DEADLINE_EXCEEDED"] * 4
        released.set()
        assert [code_of(client, 60) for _ in range(6)] == ["7"] * 6
    assert asked["one"] >= 2 <= asked["other"]


def code_of(client, timeout):
    """Return the label of an image, or the code of the failure."""
    try:
        return client.predict([b"image"], timeout)[0].label
    except ServingError as error:
        return error.code


def test_names_that_cannot_be_resolved_for_a_while_are_still_called(servers, named):
    names, target = named
    with callers(servers, target):
        wait_until(lambda: shares(servers.counts, HOSTS), 120)
        names.addresses = []
        servers.reset()
        wait_until(lambda: sum(servers.counts.values()) > 100, 120)


def test_close_ends_a_call_on_a_channel_that_was_replaced_while_it_ran(free_port):
    called, ended = threading.Event(), threading.Event()

    def answer(images):
        called.set()
        ended.wait(30)
        return ["7"] * len(images)

    with serving("grpc", answer, free_port()) as target, connect("grpc", target) as client:
        [address] = client.transport._channel._addresses
        address._renew_at, first = 0, address._current
        with ThreadPoolExecutor(1) as pool:
            call = pool.submit(client.predict, [b"image"], 60)
            wait_until(lambda: called.is_set() and address._current is not first, 30)
            client.close()
            with pytest.raises(ServingError, match="CANCELLED"):
                call.result(10)
            ended.set()


def test_a_channel_that_is_connected_while_it_is_given_up_stays_open():
    opened = []

    def open_channel():
        if len(opened) == 2:  # the server comes back while its third channel is opened
            opened[1].subscribe.call_args[0][0](grpc.ChannelConnectivity.READY)
        opened.append(Mock())
        return opened[-1]

    address = channel_pool.Address(open_channel)
    for _ in range(2):
        address._renew_at = 0
        with address.channel():
            pass
    assert address._current.channel is opened[1]
    assert not opened[1].close.called
