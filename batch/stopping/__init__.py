"""A run ends between two chunks or while it waits, and prints its summary, when SIGTERM or Ctrl-C asks for it.

Protects from: the loss of a chunk's work when a pod is moved, and of the summary then and at a deadline.
Costs: a run goes on for the rest of its chunk, 5 s at most.
Instead: let the signal end the process at once. The open transaction is rolled back, and the next run does its rows.
Remove: delete this folder and the lines that end with "# optional: stopping".
"""
