"""Wait for TensorFlow Serving before jobs are claimed, and find out whether an image took it down.

Protects from: jobs that are claimed in vain during an outage; an image that takes it down again and again.
Costs: a status call at the start and after each failure.
Instead: nothing; jobs are claimed and released until TensorFlow Serving answers, or until they expire.
Remove: delete this folder and the lines that end with "# optional: outages".
"""
