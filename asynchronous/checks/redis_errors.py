"""The two kinds of Redis's errors: transient ones pass by themselves; for all others, an operator must act."""

import re

from redis.exceptions import AuthenticationError, ClusterError, ConnectionError, RedisClusterException, TimeoutError

from ..errors import RedisAway

# Redis is busy, loading, full, demoted or failing over; it has no disk or no replicas to write to; it lost the script.
_TRANSIENT = ["BUSY", "LOADING", "MASTERDOWN", "READONLY", "MISCONF", "NOREPLICAS", "OOM", "NOSCRIPT", "NOGROUP"]
_TRANSIENT += ["UNBLOCKED", "TRYAGAIN", "CLUSTERDOWN"]
_NO_MASTER = "^No master found for '[^']*'$"  # the message names no error of a Sentinel
_CLUSTER = "this Redis is a cluster: set REDIS_URL to redis+cluster://..., and QUEUE to a name in braces such as {jobs}"
_OLD = "use Redis 7.0 or later, or Valkey"
# Patterns in the errors of Redis and redis-py, and what the operator must do.
_REMEDIES = {
    "^WRONGTYPE": "another application has a key of this name: set QUEUE to another name",
    "^NOPERM|ACL failure in script|user executing the script can't": (
        "the user in REDIS_URL needs the permissions that REDIS.md lists"
    ),
    "^WRONGPASS|invalid password": "the user name or the password in REDIS_URL is wrong",
    "^NOAUTH": "REDIS_URL needs a password",
    "without any password configured": "this Redis has no password: take it out of REDIS_URL",
    "^DENIED": "this Redis is in protected mode: give it a password",
    "^(CROSSSLOT|MOVED|ASK)|must map to the same key slot|not allowed in cluster mode": _CLUSTER,
    "Cluster mode is not enabled|cluster support disabled": "this Redis is not a cluster: set REDIS_URL to redis://...",
    "DB index": "REDIS_URL must end with the number of a database that this Redis has",
    "auth:AuthenticationError": "sentinel_username or sentinel_password in REDIS_URL is missing or wrong",
    _NO_MASTER: "no Sentinel has a master of this name, or it is down",
    "'SENTINEL'": "REDIS_URL must name Sentinels after redis+sentinel://",
    "(?i)wrong number of arg": _OLD,
    "(?i)unknown (redis )?command": f"this Redis, or a proxy before it, has a command turned off or lacks it: {_OLD}",
    "invalid bulk length": "the image is larger than proto-max-bulk-len of this Redis: raise that limit",
    "(?i)Permission denied": "the program may not open the socket in REDIS_URL",
}


class RedisMisconfigured(RedisAway):
    """Redis, or a setting, must be changed; no job was accepted."""

    is_transient = False


def error_code(error: BaseException) -> str:
    """Return the word that begins Redis's error message; redis-py cuts off the words that it knows."""
    return getattr(error, "status_code", None) or str(error).partition(" ")[0]


def explain_kind(error: BaseException) -> RedisAway:
    """Return the error as one of the two kinds, in one line. An unknown error is not transient."""
    if isinstance(error, RedisClusterException) and (cause := error.__cause__ or error.__context__):
        return explain_kind(cause)  # what a node answered when it was asked for the cluster's nodes
    code, text = error_code(error), _text(error)
    text = text if text.startswith(code) else f"{code} {text}"
    remedy = next((f" ({remedy})" for pattern, remedy in _REMEDIES.items() if re.search(pattern, text)), "")
    passes = code in _TRANSIENT or "max number of clients" in text or re.search(_NO_MASTER, text)
    lost = isinstance(error, (ConnectionError, TimeoutError, OSError, ClusterError, RedisClusterException))
    refused = isinstance(error, AuthenticationError) or ("[SSL" in text and "EOF" not in text) or remedy
    if passes or (lost and not refused):
        return RedisAway(f"Redis: not available ({type(error).__name__}: {_text(error)}{remedy}), try again later")
    return RedisMisconfigured(f"Redis: misconfigured: {text}{remedy}")


def _text(error: BaseException) -> str:
    """Return the message without places in scripts, names of Python objects, and the arguments of an unknown command.

    These may contain the password."""
    text = re.sub(r" script: (on @|[0-9a-f]{40}).*|, with args beginning with.*", "", str(error).partition("\n")[0])
    return re.sub(r"<redis.*?host=([^,)]*),port=(\d+).*?>\)>\)>", r"\1:\2", text)
