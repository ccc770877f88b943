"""Addresses of servers, and a gRPC channel to one of them."""

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import SplitResult, urlsplit

import grpc

NO_SIZE_LIMIT = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
# By default gRPC waits a second before it connects again, and later up to two minutes: longer than most budgets.
RECONNECT_SOON = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 1000)]
# On Linux this also drops a connection on which nothing was acknowledged for 10 seconds; the kernel would wait for a
# quarter of an hour. A ping is sent every 5 minutes, and only during a call: a server with gRPC's defaults closes
# connections that ping more often (ENHANCE_YOUR_CALM, too_many_pings).
KEEPALIVE = [("grpc.keepalive_time_ms", 300_000), ("grpc.keepalive_timeout_ms", 10_000)]
OPTIONS: list[tuple[str, Any]] = [*NO_SIZE_LIMIT, *RECONNECT_SOON, *KEEPALIVE]


def open_channel(target: str, options: Sequence[tuple[str, Any]] = ()) -> grpc.Channel:
    """Return a channel without TLS to `target`, as `grpc_target` returns it.

    Raises:
        ValueError: `target` asks for TLS.
    """
    if target.startswith("https://"):
        raise ValueError(f"{target} needs TLS, and this client has none: add the folder tls/")
    return grpc.insecure_channel(target.removeprefix("http://"), options=[*OPTIONS, *direct(target), *options])


def direct(target: str) -> list[tuple[str, Any]]:
    """Return the options for a target that is near: calls to it do not use the environment's proxy."""
    host = re.sub(r":\d+$", "", target.rpartition("/")[2]).strip("[]")
    return [("grpc.enable_http_proxy", 0)] if is_near(host) else []


def is_near(host: str) -> bool:
    """Return whether a host is reached without a proxy: this machine, or a name without a dot, as Docker gives it."""
    return host in ("127.0.0.1", "::1") or not set(host) & set(".:")


def grpc_target(address: str, port: int = 8500) -> str:
    """Return gRPC's name for `address`, a host, host:port, URL, dns:///host:port or unix:path. A URL keeps its scheme.

    Raises:
        ValueError: `address` is not a valid address.
    """
    if address.startswith("unix:"):
        return address
    prefix, slash, host = address.rpartition("/") if address.startswith("dns:") else ("", "", address)
    url = server_url(host, port)
    if url.path.strip("/"):
        raise ValueError(f"{address!r} is not a valid address: gRPC has no paths")
    return f"{url.scheme}://{url.netloc}" if "://" in host else prefix + slash + url.netloc


def server_url(address: str, port: int) -> SplitResult:
    """Return the URL of `address`, a host, host:port, URL or dns:///host:port. Without a port, http:// gets `port`.

    Raises:
        ValueError: `address` is not a valid address.
    """
    host, valid = address.removeprefix("dns:///"), False
    with suppress(ValueError):  # the port is not a number, or an IPv6 address is not valid
        url = urlsplit(host if "://" in host else f"http://{host}")
        valid = bool(url.hostname) and url.scheme in ("http", "https") and url.port != 0
    if not valid or set(url.netloc) & set(", ") or set(address) & set("@?#"):
        shown = address.rpartition("@")[2]  # a password may stand before the @
        raise ValueError(f"{shown!r} is not a valid address (host, host:port, URL or dns:///host:port; no @, ? or #)")
    return url if url.port or url.scheme == "https" else url._replace(netloc=f"{url.netloc}:{port}")
