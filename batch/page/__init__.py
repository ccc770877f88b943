"""A page in the browser, at `/` of the API: how many rows wait, failed and are done, the last runs. It starts nothing.

Protects from: nothing; it shows the table and the runs to people who have no access to either.
Costs: four static files, at most three counts in a second while a page is open, and one more route at `/` of the API.
Instead: `python -m batch.status`, which counts every row, or a dashboard of the metrics.
Remove: delete this folder and the lines that end with "# optional: page".
"""
