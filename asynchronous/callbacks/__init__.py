"""Deliver each job's end: to any reader of a stream, and as a signed webhook to the URL that the job was posted with.

Protects from: clients that must ask again and again; results that another system needs.
Costs: an entry in a stream for each step that ends jobs; one more program, `python -m asynchronous.callbacks`.
Instead: `?wait=30`, or a consumer group of your own.
Remove: delete this folder and the lines that end with "# optional: callbacks".
"""
