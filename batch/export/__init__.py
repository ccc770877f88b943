"""Predictions in a CSV or Parquet file: `python -m batch.export`.

Protects from: half a file under its final name, rows of models with other labels in the same columns.
Costs: 300 lines to read; Parquet also needs `pyarrow`.
Instead: SELECT ... INTO OUTFILE of the database, or pandas.
Remove: delete this folder and the lines that end with "# optional: export"
"""
