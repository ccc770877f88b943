"""Submit the jobs of concurrent requests in one step of Redis; start and end batches with less work for Redis.

Protects from: a run of the script and a write to Redis's disk for each of many concurrent requests, a record that is
read for each job that starts or ends, and a round trip for each command of a batch.
Costs: a large image delays the jobs that are sent with it; a job whose worker died may wait for one more batch.
Instead: more proxies, or a Redis with `appendfsync everysec`.
Remove: delete this folder and the lines that end with "# optional: throughput".
"""
