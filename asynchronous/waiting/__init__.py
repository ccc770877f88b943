"""Wake the clients that wait for a job with one subscription, and send a job's states as server-sent events.

Protects from: a read of Redis every 0.2 s for each waiting client, and a result that is seen up to 0.2 s late.
Costs: one Redis connection for each proxy; one or two PUBLISH commands in each step that starts, releases or ends jobs.
Instead: the lesson's repeated reads, or clients that ask again themselves.
Remove: delete this folder and the lines that end with "# optional: waiting".
"""
