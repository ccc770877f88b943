"""Rows from a CSV file, predictions to a CSV or Parquet file, and how far a command has come.

Protects from: half a file under its final name, a bad line without its number, a long run that looks stuck.
Costs: `rich` in the image; Parquet also needs `pyarrow`.
Instead: LOAD DATA and SELECT ... INTO OUTFILE of the database, or pandas.
Remove: delete this folder and the lines that end with "# optional: files", which are all of export.py and seed.py.
"""
