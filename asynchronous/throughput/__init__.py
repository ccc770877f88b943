"""Submit the jobs of concurrent requests in one step of Redis; start and end a batch without its jobs' records.

Protects from: a run of the script and a write to Redis's disk for each of many concurrent requests, and a record
that is read for each job that starts or ends.
Costs: a large image delays the jobs that are sent with it.
Instead: more proxies, or a Redis with `appendfsync everysec`.
Remove: delete this folder and the lines that end with "# optional: throughput".
"""
