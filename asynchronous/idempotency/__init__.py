"""One job for each `Idempotency-Key`, however often a client posts.

Protects from: a second job when a client posts again because it did not receive the first answer.
Costs: one more key in Redis for each job that is posted with a key; such jobs are not submitted in groups.
Instead: a client that looks for its answer under an id of its own.
Remove: delete this folder and the lines that end with "# optional: idempotency".
"""
