"""The place of a pending job in the queue: `position.lua` keeps the numbers for it.

In Redis, `job_positions` is a hash. Its lifetime is longer than that of any open job.
"""

KEYS = {"POSITIONS": "job_positions"}
