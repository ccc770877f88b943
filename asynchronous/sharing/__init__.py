"""Claim no more jobs than a process's share of those that wait, and no more than it can do in time.

Protects from: one process that claims all jobs of a slow model while others are idle, and batches that outlast
PREDICT_TIMEOUT.
Costs: two commands to Redis before each claim while the model is slow; the first batch of each process is one job.
Instead: a BATCH_SIZE that is tuned by hand for the model.
Remove: delete this folder and the lines that end with "# optional: sharing".
"""
