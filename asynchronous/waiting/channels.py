"""The channels on which `channels.lua` publishes the ids of jobs."""

from collections.abc import Mapping

ENDED, CHANGED = "jobs_ended", "jobs_changed"  # after the prefix of the queue's keys


def constants() -> Mapping[str, object]:
    """Return the constants of `channels.lua`."""
    return {"ENDED": ENDED, "CHANGED": CHANGED}
