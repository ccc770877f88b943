"""Submit the jobs of concurrent requests in one step of Redis.

Protects from: a Redis that runs one script, and writes to its disk once, for each of many concurrent requests.
Costs: a large image delays the jobs that are sent with it.
Instead: more proxies, or a Redis with `appendfsync everysec`.
Remove: delete this folder and the lines that end with "# optional: throughput".
"""
