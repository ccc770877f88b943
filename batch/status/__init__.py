"""The table `runs`, one row for each run of the job, and `python -m batch.status`.

Protects from: not knowing what the last runs did, whether one is stuck or was killed, and how long rows wait.
Costs: an INSERT and an UPDATE for each run, and an UPDATE every 5 s while it lasts.
Instead: the summary that each run prints, in the logs of your scheduler, and SELECT COUNT(*) ... GROUP BY state.
Remove: delete this folder and the lines that end with "# optional: status".
"""
