# /// script
# requires-python = ">=3.11"
# dependencies = ["pandas==3.1.1", "sqlalchemy==2.1.9", "pymysql==1.2.4", "onnxruntime==1.32.0", "numpy==2.4.6"]
# ///
"""pandas: `python with_pandas.py ROWS` reads a frame, predicts it in one run, writes it to a new table and joins.

`to_sql` inserts and cannot update. `method="multi"` writes many rows in a statement, `chunksize` keeps it small enough.
"""

import json
import os
import sys

import numpy as np
import pandas as pd
from iris import LABELS, model, timed
from sqlalchemy import create_engine, text

READ = "SELECT id, `values` FROM items WHERE state = 'pending' ORDER BY id LIMIT {}"
KEY = "ALTER TABLE predicted MODIFY id BIGINT PRIMARY KEY"
JOIN = """UPDATE items JOIN predicted ON predicted.id = items.id
SET items.prediction = predicted.prediction, items.label = predicted.label, state = 'done', model_version = 1,
attempts = attempts + 1, updated_at = CURRENT_TIMESTAMP"""


def main(rows: int) -> None:
    engine, predict = create_engine(os.environ["DATABASE_URL"]), model()
    with engine.connect() as connection, timed(rows):
        frame = pd.read_sql(READ.format(rows), connection)
        answers = predict(np.array(frame["values"].map(json.loads).tolist(), np.float32))
        frame["prediction"] = [json.dumps(answer) for answer in answers.tolist()]
        frame["label"] = np.array(LABELS)[answers.argmax(axis=1)]
        written = frame[["id", "prediction", "label"]]
        written.to_sql("predicted", connection, if_exists="replace", index=False, method="multi", chunksize=1000)
        connection.execute(text(KEY))
        connection.execute(text(JOIN))
        connection.execute(text("DROP TABLE predicted"))
        connection.commit()


if __name__ == "__main__":
    main(int(sys.argv[1]))
