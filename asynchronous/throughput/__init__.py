"""Submit the jobs of concurrent requests in one step of Redis, and start a batch without its jobs' records.

Protects from: a Redis that runs one script, and writes to its disk once, for each of many concurrent requests, and one
that reads and writes a record for each job that starts.
Costs: a large image delays the jobs that are sent with it.
Instead: more proxies, or a Redis with `appendfsync everysec`.
Remove: delete this folder and the lines that end with "# optional: throughput".
"""
