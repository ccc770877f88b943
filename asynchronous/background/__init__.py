"""With REGISTER=background, answer first and register the job afterwards, as the book does.

Protects from: an answer that waits for Redis and its disk.
Costs: jobs that were answered with 202 are lost when the proxy dies, the queue is full or Redis is away.
Instead: REGISTER=before_answer, the default.
Remove: delete this folder and the lines that end with "# optional: background".
"""
