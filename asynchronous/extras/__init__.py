"""Adds the optional parts to the two programs: one import and one line for each of them, and for nothing else.

Protects from: a lesson that lists every optional part in its own files.
Costs: three more files to open for the question which parts there are.
Instead: call the parts that you keep from `app.py` and `worker.py`.
Remove: delete this folder and the lines that end with "# optional: extras". Most other parts do nothing without it.
"""
