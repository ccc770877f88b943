"""What endangers accepted jobs, according to Redis's own INFO. It is read once, when a program starts."""

import logging
import time
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic_settings import BaseSettings, SettingsConfigDict
from redis.exceptions import ResponseError

from ..connection import ERRORS, connect
from ..settings import Settings, read_environment
from .expects_tls import refuse_plain

log = logging.getLogger(__name__)

CHECKS = ("eviction", "persistence", "version", "clock", "restart")
CLOCK_SECONDS = 5.0


class CheckSettings(BaseSettings):
    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    strict_redis: bool = False


def dangers(info: Mapping[str, Any], clock: float, replays: bool = True) -> Iterator[tuple[str, str]]:
    """Yield each danger as a check's name and a text with the remedy; `clock`: seconds ahead of Redis's clock."""
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction" and int(info.get("maxmemory", 0)):
        yield "eviction", f"maxmemory-policy is {policy}, which deletes accepted jobs: set it to noeviction"
    if not int(info.get("aof_enabled", 1)):
        yield "persistence", "the append-only file is off, and a restart loses accepted jobs: set appendonly to yes"
    if int(str(info.get("redis_version", "7")).partition(".")[0]) < 7:
        yield "version", f"it is version {info['redis_version']}: use Redis 7.0 or later, or Valkey"
    if abs(clock) > CLOCK_SECONDS:
        yield "clock", f"its clock differs by {clock:.0f} s: synchronise the clocks of both machines"
    if not replays:
        yield "restart", "a restart may lose accepted jobs: let its user default keep its permissions, ~* &* +@all"


def may_replay(client: Any) -> bool:
    """Return whether Redis's user `default` may write jobs, even if it is off.

    Redis reads its append-only file as this user. Most versions check its permissions again for each transaction, and
    drop what it may not do. If Redis cannot tell, this returns True.
    """
    try:
        return client.acl_dryrun("default", "hset", "job_", "status", "pending") in (b"OK", "OK")
    except ResponseError:
        return True


def look_at_redis(settings: Settings) -> dict[str, str]:
    """Log each danger, and return the texts by check; with STRICT_REDIS, end the program if there is one.

    A Redis that does not answer, or refuses INFO, is not examined. If it expects TLS, the program ends.
    """
    try:
        client = connect(settings, socket_timeout=2, socket_connect_timeout=1)
        info, (seconds, _) = client.info("everything"), client.time()
        replays = may_replay(client)
        # A cluster's client may return one INFO for each node.
        info = next((each for each in info.values() if isinstance(each, dict) and "maxmemory" in each), info)
        client.close()
    except (*ERRORS, ValueError):
        refuse_plain(settings.redis_url)
        return {}
    found = dict(dangers(info, time.time() - seconds, replays))
    for name, text in found.items():
        log.warning("Redis, %s: %s", name, text)
    if found and read_environment(CheckSettings).strict_redis:
        raise SystemExit("Redis: " + "; ".join(found.values()))
    return found
