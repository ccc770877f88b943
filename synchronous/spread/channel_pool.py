"""gRPC calls to all servers behind one or several addresses. New servers get calls within a minute.

gRPC asks the name server only when a connection ends, so a server that joins later would get no calls. Here each
address gets a new channel every RENEW_SECONDS. It replaces the old channel when it is connected. The old channel is
closed after its last call.

Twin: synchronous/spread and asynchronous/spread hold this file byte for byte, so that each folder can be copied alone.
"""

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import grpc

RENEW_SECONDS = 20.0
REST_SECONDS = 2.0  # how long an address is asked last: it has no server, or gave no answer in time
OPTIONS = [
    ("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}'),
    ("grpc.service_config_disable_resolution", 1),  # the name server is not asked for a policy of its own
    ("grpc.use_local_subchannel_pool", 1),  # a new channel opens new connections: a Service may route them elsewhere
    ("grpc.dns_min_time_between_resolutions_ms", 5000),
    ("grpc.min_reconnect_backoff_ms", 1000),  # also the time for one attempt to connect, which is 20 seconds otherwise
]

# A server that is shutting down cancels its calls.
_ANOTHER_SERVER = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


class Channel:
    """A gRPC channel, its methods, and how many calls use it now."""

    def __init__(self, channel: Any) -> None:
        self.channel, self.calls = channel, 0
        self._methods: dict[str, Any] = {}

    def method(self, name: str, forms: dict[str, Any]) -> Any:
        if name not in self._methods:
            self._methods[name] = self.channel.unary_unary(name, **forms)
        return self._methods[name]


class Address:
    """One address: the channel that is used now, and the one that is to replace it."""

    def __init__(self, open_channel: Callable[[], Any]) -> None:
        self._open, self._lock = open_channel, threading.Lock()
        self._current = Channel(open_channel())
        self._next: Channel | None = None
        self._replaced: set[Channel] = set()  # their last calls have not ended
        self._renew_at = time.monotonic() + random.uniform(0.5, 1) * RENEW_SECONDS  # noqa: S311 not all clients at once
        self.rests_until = 0.0

    @contextmanager
    def channel(self) -> Iterator[Channel]:
        """Yield the current channel, and keep it open until the block ends."""
        with self._lock:
            used = self._current
            used.calls += 1
            due = time.monotonic() >= self._renew_at
            if due:
                self._renew_at = time.monotonic() + RENEW_SECONDS
        try:
            if due:
                self._renew()
            yield used
        finally:
            with self._lock:
                used.calls -= 1
                unused = used in self._replaced and not used.calls
                if unused:
                    self._replaced.remove(used)
            if unused:
                used.channel.close()

    def close(self) -> None:
        self._renew_at = float("inf")
        with self._lock:
            channels = [*self._replaced, self._current, self._next]
        for each in filter(None, channels):
            each.channel.close()

    def _renew(self) -> None:
        new = Channel(self._open())
        with self._lock:  # the earlier channel may be connected at this moment
            failed, self._next = self._next, new
        if failed:
            failed.channel.close()  # it was not connected in RENEW_SECONDS
        new.channel.subscribe(partial(self._connected, new), try_to_connect=True)

    def _connected(self, channel: Channel, state: grpc.ChannelConnectivity) -> None:
        """Use the new channel as soon as it is connected."""
        if state is not grpc.ChannelConnectivity.READY:
            return
        with self._lock:
            if channel is not self._next:
                return
            old, self._current, self._next = self._current, channel, None
            if old.calls:
                return self._replaced.add(old)
        old.channel.close()


class ChannelPool:
    """What a stub needs of a channel. Addresses take turns; one whose server is gone or too slow is asked last."""

    def __init__(self, open_channel: Callable[[str, Sequence[tuple[str, Any]]], Any], targets: Sequence[str]) -> None:
        self._addresses = [Address(partial(open_channel, target, OPTIONS)) for target in targets]
        self._closed = False
        self._turns = itertools.count(random.randrange(len(targets)))  # noqa: S311 not every client begins with the first

    def unary_unary(self, name: str, **forms: Any) -> Callable[..., Any]:
        """Return the method. A call that finds no server is repeated on other addresses, or once on a single one."""

        def call(request: Any, timeout: float, **options: Any) -> Any:
            deadline = time.monotonic() + timeout
            addresses = self._in_turn()
            while True:
                address = addresses.pop(0)
                try:
                    with address.channel() as channel:
                        return channel.method(name, forms)(request, timeout=timeout, **options)
                except grpc.RpcError as error:
                    code, timeout = error.code(), deadline - time.monotonic()
                    if code in (*_ANOTHER_SERVER, grpc.StatusCode.DEADLINE_EXCEEDED):
                        address.rests_until = time.monotonic() + REST_SECONDS
                    if self._closed or code not in _ANOTHER_SERVER or timeout <= 0 or not addresses:
                        raise

        return call

    def close(self) -> None:
        """Close all channels, which ends their calls with CANCELLED."""
        self._closed = True
        for address in self._addresses:
            address.close()

    def _in_turn(self) -> list[Address]:
        now, everyone = time.monotonic(), self._addresses
        if len(everyone) == 1:
            return everyone * 2
        answering = [address for address in everyone if address.rests_until <= now] or everyone
        number = next(self._turns) % len(answering)
        resting = [address for address in everyone if address not in answering]
        return answering[number:] + answering[:number] + resting
