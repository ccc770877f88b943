"""What the forms of REDIS_URL lead to.

    redis:// rediss:// unix://                                 one Redis
    redis+sentinel://[USER:PASSWORD@]HOST:PORT,.../MASTER/DB   the master of this name, as the Sentinels know it
    redis+cluster://[USER:PASSWORD@]HOST:PORT,...              the node that holds the queue; QUEUE must be in braces

REDIS_PASSWORD_FILE replaces a password in the URL. `?ssl_ca_certs=FILE`, `ssl_certfile` and `ssl_keyfile` name your own
CA and a client certificate. `?ssl=true` turns on TLS in the last two. `sentinel_username` and `sentinel_password` are
for the Sentinels themselves.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import redis.asyncio
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.sentinel import Sentinel

from .pools import Cluster, HealingPool, HealingSentinelPool, Pool
from .settings import with_password
from .url_check import check_url

SENTINEL, CLUSTER = "redis+sentinel", "redis+cluster"
PORTS = {SENTINEL: 26379, CLUSTER: 6379}


class _AtFirstCommand:
    """A client of a cluster. It connects when it is first used, as other clients do."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    @cached_property
    def _client(self) -> Any:
        return self._make()

    def register_script(self, text: str) -> Callable[..., Any]:
        def run(keys: Sequence[str], args: Sequence[Any]) -> Any:
            return self._client.register_script(text)(keys=keys, args=args)

        return run

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def connect_by_form(url: str, **options: Any) -> Any:
    """Return a client for a worker."""
    check_url(url)
    url, options = with_password(url, options)
    if url.startswith(SENTINEL):
        addresses, name, master, sentinels = _sentinel(url, options)
        return Sentinel(addresses, sentinel_kwargs=sentinels, **master).master_for(name)  # type: ignore[no-untyped-call]
    if url.startswith(CLUSTER):
        nodes = [redis.cluster.ClusterNode(*address) for address in _addresses(url)]  # type: ignore[no-untyped-call]
        return _AtFirstCommand(lambda: redis.RedisCluster(startup_nodes=nodes, **_options(url), **options))
    return redis.Redis.from_pool(Pool.from_url(url, **options))


def connect_async_by_form(url: str, **options: Any) -> Any:
    """Return a client for the proxy."""
    check_url(url)
    url, options = with_password(url, options)
    # One broken connection must not become a 503.
    options["retry"] = Retry(ExponentialBackoff(cap=0.4, base=0.1), 3)
    if url.startswith(SENTINEL):
        addresses, name, master, sentinels = _sentinel(url, options)
        found = AsyncSentinel(addresses, sentinel_kwargs=sentinels, **master)  # type: ignore[no-untyped-call]
        return found.master_for(name, connection_pool_class=HealingSentinelPool)
    if url.startswith(CLUSTER):
        nodes = [redis.asyncio.cluster.ClusterNode(*address) for address in _addresses(url)]
        return Cluster(startup_nodes=nodes, **_options(url), **options)
    return redis.asyncio.Redis.from_pool(HealingPool.from_url(url, **options))


def _addresses(url: str) -> list[tuple[str, int]]:
    hosts = urlsplit(url).netloc.rpartition("@")[2].split(",")
    split = [host.rpartition(":") if host.rpartition(":")[2].isdigit() else (host, "", "") for host in hosts]
    return [(host.strip("[]"), int(port or PORTS[urlsplit(url).scheme])) for host, _, port in split]


def _options(url: str) -> dict[str, Any]:
    """Return the user, password and options of a URL, without its hosts and path."""
    parts = urlsplit(url)
    userinfo, at, _ = parts.netloc.rpartition("@")
    found: dict[str, Any] = dict(parse_url(f"redis://{userinfo}{at}host?{parts.query}"))
    found.pop("host")
    if "ssl" in found:
        found["ssl"] = str(found["ssl"]).lower() in ("true", "1", "yes")
    return found


def _sentinel(url: str, options: dict[str, Any]) -> tuple[Any, str, dict[str, Any], dict[str, Any]]:
    """Return the Sentinels, the master's name, and the options of connections to the master and to the Sentinels."""
    name, _, database = urlsplit(url).path.strip("/").partition("/")
    master = {**_options(url), "db": int(database or 0), **options}
    own = {key: master.pop(f"sentinel_{key}") for key in ("username", "password") if f"sentinel_{key}" in master}
    tls = {key: value for key, value in master.items() if key.startswith("ssl")}
    own |= {**tls, "socket_timeout": 2, "socket_connect_timeout": 1}
    own["retry"] = type(options["retry"])(NoBackoff(), 0)  # the next Sentinel is asked instead
    return _addresses(url), name, master, own
