"""Renew the leases of a batch while it runs.

Protects from: a batch that outlasts LEASE: its jobs would be claimed a second time, and the attempts counted.
Costs: a thread in each worker process, and a command to Redis three times in each LEASE.
Instead: a LEASE that is longer than PREDICT_TIMEOUT; the jobs of a dead worker then wait that long.
Remove: delete this folder and the lines that end with "# optional: renewing".
"""
