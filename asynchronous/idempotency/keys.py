"""How an Idempotency-Key is kept: `keys.lua` writes it.

In Redis, `{sha256 of the key}_key` is a hash with the job's id and the image's sha256. Its lifetime is JOB_LIFETIME +
RESULT_LIFETIME; a key is forgotten with its job.
"""

from collections.abc import Mapping

KEY = "_key"


def constants() -> Mapping[str, object]:
    """Return the constants of `keys.lua`."""
    return {"KEY": KEY}
