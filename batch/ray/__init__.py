"""Predictions for Parquet files on several machines, with Ray Data: `python -m batch.ray IN.parquet OUT/`.

Protects from: a table that outgrows one database server.
Costs: Ray, 800 MB with what it requires (`pip install -r batch/ray/requirements.txt`), and 600 lines to read.
Instead: `python -m batch.job` on a table; it shares the rows among any number of runners.
Remove: delete this folder and the lines that end with "# optional: ray"
"""

import os

# Before Ray is imported: it would report how it is used to its maker.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
