"""What `ended.lua` keeps in Redis; `_x` follows the name of the queue.

    jobs_ended         stream: an entry for each step, {job_id: status}     JOB_LIFETIME + RESULT_LIFETIME, or twice
    jobs_callbacks     sorted set: jobs to deliver, by their due time       until they are delivered or given up
    jobs_undelivered   stream: jobs whose delivery was given up             UNDELIVERED_LIFETIME, or twice

URL, attempts and the last error are fields of the job's record.
"""

from collections.abc import Mapping

from ..keys import milliseconds

KEYS = {"ENDED_JOBS": "_ended", "CALLBACKS": "_callbacks", "UNDELIVERED": "_undelivered"}
URL_FIELD = "callback_url"  # of the record
GROUP = "callbacks"
UNDELIVERED_LIFETIME = 86_400  # seconds
LEASE = 60  # seconds after which a delivery without a reported outcome is made again


def constants() -> Mapping[str, object]:
    """Return the constants of `ended.lua`, besides KEYS."""
    lifetimes = {"UNDELIVERED_LIFETIME": milliseconds(UNDELIVERED_LIFETIME), "CALLBACK_LEASE": milliseconds(LEASE)}
    return {**lifetimes, "CALLBACK_GROUP": GROUP, "URL_FIELD": URL_FIELD}
