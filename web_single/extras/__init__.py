"""Imports the optional folders and adds them to the root's programs, in lines that end with each folder's mark.

Protects from: a lesson that lists every optional part in its own files.
Costs: two more files to read. Without them, the other parts do nothing.
Instead: call the parts that you keep from `app.py` and `gunicorn.conf.py`.
Remove: delete this folder and the lines that end with "# optional: extras"
"""
