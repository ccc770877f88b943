"""Imports the optional folders and adds them to the root's programs, in lines that end with each folder's mark.

Protects from: a lesson that lists every optional part in its own files.
Costs: three more files to read.
Instead: call the parts that you keep from `job.py`, `database.py` and `predictor.py`.
Remove: delete this folder and the lines that end with "# optional: extras". The job then has no optional part but
`causes/` and `logs/`, and no command has `connections/`, `golden/` or `columns/`.
"""
