"""Submit the jobs of concurrent requests in one step of Redis, and start a batch without its jobs' records.

Protects from: a run of the script and a write to Redis's disk for each of many concurrent requests, and a record
that is read and written for each job that starts.
Costs: a large image delays the jobs that are sent with it.
Instead: more proxies, or a Redis with `appendfsync everysec`.
Remove: delete this folder and the lines that end with "# optional: throughput".
"""
