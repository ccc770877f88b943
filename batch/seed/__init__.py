"""Rows from a CSV file, or rows that look like flowers: `python -m batch.seed`.

Protects from: a bad line without its number, and numbers that are read as other numbers.
Costs: 600 lines to read, and the time that a check of each value takes.
Instead: LOAD DATA of the database, or an INSERT of your own; the job names the rows that are wrong.
Remove: delete this folder and the lines that end with "# optional: seed"
"""
