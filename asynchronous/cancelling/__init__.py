"""Cancel a job that no worker has started: `DELETE /job/{job_id}`.

Protects from: work on images whose results nobody wants any more.
Costs: one more terminal state, `cancelled`, that clients may see.
Instead: clients that ignore the result; the job expires after JOB_LIFETIME if no worker starts it.
Remove: delete this folder and the lines that end with "# optional: cancelling".
"""
