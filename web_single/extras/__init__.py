"""Adds the optional parts: one import and one line for each of them, and for nothing else.

Protects from: a lesson that lists every optional part in its own files.
Costs: one more file to open for the question which parts there are.
Instead: call the parts that you keep from `app.py`.
Remove: delete this folder and the lines that end with "# optional: extras". The other parts do nothing without it.
"""
