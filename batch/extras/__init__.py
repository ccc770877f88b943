"""Adds the optional parts to the job: one import and one line for each of them, and for nothing else.

Protects from: a lesson that lists every optional part in its own files.
Costs: four more files to open for the question which parts there are.
Instead: call the parts that you keep from `job.py`.
Remove: delete this folder and the lines that end with "# optional: extras". Most other parts do nothing without it.
"""
