"""Imports the optional folders and adds them to the root's programs, in lines that end with each folder's mark.

Protects from: a lesson that lists every optional part in its own files.
Costs: four more files to read.
Instead: call the parts that you keep from `app.py`, `worker.py` and `connection.py`.
Remove: delete this folder and the lines that end with "# optional: extras". The proxy and the worker then have no
optional part but `logs/`, and the queue's script still has the Lua of each folder.
"""
