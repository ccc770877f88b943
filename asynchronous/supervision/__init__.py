"""Watch the worker's processes: replace those that hang, wait longer before each start that fails, and tell it outside.

Protects from: a process that hangs and keeps its jobs; a process that dies at its start and is started again forever.
Costs: a clock that each process writes several times a second.
Instead: a supervisor outside, such as Kubernetes, that restarts the whole worker.
Remove: delete this folder and the lines that end with "# optional: supervision".
"""
