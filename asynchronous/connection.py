"""How the programs reach the Redis that REDIS_URL names. A client connects at its first command, not before."""

from collections.abc import Callable
from typing import Any

import redis.asyncio
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException, RedisError
from redis.retry import Retry

from .errors import RedisAway
from .extras import connection as extras  # optional: extras
from .settings import Settings

ERRORS = (RedisError, RedisClusterException, OSError)  # OSError: TimeoutError is one
EXTRA_CONNECTIONS = 8  # of the proxy: for a subscription, and for other work of optional folders outside the requests


def _explain(error: Exception) -> RedisAway:
    text = str(error).partition(", with args beginning with")[0]  # the arguments may contain the password
    return RedisAway(f"Redis: not available ({type(error).__name__}: {text}), try again later")


explain: Callable[[Exception], RedisAway] = _explain
explain = extras.replace_explain(explain)  # optional: extras


def connect(settings: Settings, **options: Any) -> Any:
    """Return a client for a worker. It retries nothing: jobs of a claim whose reply was lost must be released first."""
    make: Any = redis.Redis.from_url
    make = extras.replace_make(make)  # optional: extras
    return _checked(make, settings.redis_url, retry=Retry(NoBackoff(), 0), **options)


def connect_async(settings: Settings) -> Any:
    """Return a client for the proxy, with at most REDIS_CONNECTIONS + EXTRA_CONNECTIONS connections."""
    limits = {"max_connections": settings.redis_connections + EXTRA_CONNECTIONS, "socket_timeout": 2}
    make: Any = redis.asyncio.Redis.from_url
    make = extras.replace_make_async(make)  # optional: extras
    return _checked(make, settings.redis_url, socket_connect_timeout=1, **limits)


def _checked(make: Callable[..., Any], url: str, **options: Any) -> Any:
    try:
        return make(url, **options)
    except ValueError:  # its text may contain the password
        raise SystemExit("wrong settings: REDIS_URL: is not a valid URL; escape a # in a password as %23") from None
