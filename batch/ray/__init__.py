"""Predictions for Parquet files on one machine or many, with Ray Data: `python -m batch.ray INPUT OUTPUT`.

    pip install --no-deps --require-hashes -r batch/ray/requirements.txt
    python -m batch.ray rows.parquet predictions/ --columns sepal_length,sepal_width,petal_length,petal_width
    RAY_ADDRESS=head:6379 python -m batch.ray s3://bucket/rows s3://bucket/predictions

INPUT is a file or a folder, OUTPUT a folder: paths, or addresses that pyarrow's file systems know. On several machines
all must see them, and have the model in MODEL_DIR. `rayjob.yaml` and `Dockerfile` are for KubeRay.

The unit of work is a part: row groups of one file that hold at least 250,000 rows, or the rest of the file. An actor
has one model, checks its golden answers, and streams the rows of one part after another from file to file. OUTPUT has
a file for each part, with the row's file, its number there, the columns that the model does not take, and the
prediction. Rows that fail are in OUTPUT/_failed with their reasons. On a local disk OUTPUT is OUTPUT.unfinished until
everything is done. In an object store each file appears when it is complete, and `_SUCCESS` is the last one.

A lost actor or node costs only its parts in progress. The same command continues a run that was killed. It refuses to
mix the output with that of another model, other options or changed files. In an object store, an upload that a kill
cuts off stays in the bucket unseen, until a lifecycle rule removes it.

Protects from: a table that outgrows one database server.
Costs: Ray, 300 MB, and half a minute to start it; 900 lines to read.
Instead: `python -m batch.job` on a table; it shares the rows among any number of runners.
Remove: delete this folder and the lines that end with "# optional: ray"
"""

import os

# Before Ray is imported: it would report how it is used to its maker.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
