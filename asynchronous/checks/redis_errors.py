"""The two kinds of Redis's errors: transient ones pass by themselves; for all others, an operator must act."""

import re

from redis.exceptions import AuthenticationError, ClusterError, ConnectionError, RedisClusterException, TimeoutError

from ..errors import RedisAway

# Redis is busy, loading, full, demoted or failing over; it has no disk or no replicas to write to; it lost the script.
_TRANSIENT = ["BUSY", "LOADING", "MASTERDOWN", "READONLY", "MISCONF", "NOREPLICAS", "OOM", "NOSCRIPT", "NOGROUP"]
_TRANSIENT += ["UNBLOCKED", "TRYAGAIN", "CLUSTERDOWN"]
_CLUSTER = "this Redis is a cluster: set REDIS_URL to redis+cluster://..., and QUEUE to a name in braces such as {jobs}"
_REMEDIES = {
    "WRONGTYPE": "another application has a key of this name: set QUEUE to another name",
    "NOPERM": "the user in REDIS_URL needs the permissions that REDIS.md lists",
    "WRONGPASS": "the user name or the password in REDIS_URL is wrong",
    "NOAUTH": "REDIS_URL needs a password",
    "CROSSSLOT": _CLUSTER,
    "MOVED": _CLUSTER,
}


class RedisMisconfigured(RedisAway):
    """Redis, or a setting, must be changed; no job was accepted."""

    passes = False


def error_code(error: Exception) -> str:
    """Return the word that begins Redis's error message; redis-py cuts off the words that it knows."""
    return getattr(error, "status_code", None) or str(error).partition(" ")[0]


def explain_kind(error: Exception) -> RedisAway:
    """Return the error as one of the two kinds, in one line. An unknown error is not transient."""
    code, text = error_code(error), re.sub(r" script: (on @|[0-9a-f]{40}).*", "", str(error).partition("\n")[0])
    code = "NOPERM" if "ACL failure in script" in text or "user executing the script can't" in text else code
    code = "CROSSSLOT" if "must map to the same key slot" in text else code  # redis-py says so by itself
    lost = isinstance(error, (ConnectionError, TimeoutError, OSError, ClusterError, RedisClusterException))
    refused = isinstance(error, AuthenticationError) or ("[SSL" in text and "EOF" not in text)
    if code in _TRANSIENT or text.startswith("max number of clients") or (lost and not refused and code != "CROSSSLOT"):
        return RedisAway(f"Redis: not available ({type(error).__name__}: {text}), try again later")
    text = text if text.startswith(code) else f"{code} {text}"
    return RedisMisconfigured(f"Redis: misconfigured: {text}" + (f" ({_REMEDIES[code]})" if code in _REMEDIES else ""))
