"""Watch the worker's processes: replace those that hang or die, pause between failed starts, and touch HEARTBEAT_FILE.

Protects from: a process that hangs and keeps its jobs; a process that dies at each start without anyone noticing.
Costs: a timestamp that each process writes several times a second.
Instead: a supervisor outside, such as Kubernetes, that restarts the whole worker.
Remove: delete this folder and the lines that end with "# optional: supervision".
"""
