"""Metrics for Prometheus at `/metrics`, counted in Redis.

Protects from: a queue that grows, jobs that fail or workers that die without anyone noticing.
Costs: two or more commands of Redis in each step that accepts, starts or ends jobs.
Instead: a Redis exporter for Prometheus, which shows the length of the stream `jobs` but no latencies.
Remove: delete this folder and the lines that end with "# optional: telemetry".
"""
