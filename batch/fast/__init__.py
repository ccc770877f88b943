"""The write of a chunk's predictions, as one statement whose text is built by hand.

Protects from: time spent in SQLAlchemy and the driver, which handle several parameters for each row.
Costs: SQL as text, in which the column names of the table are repeated.
Instead: `write_done` in queries.py, the same statement built by SQLAlchemy.
Remove: delete this folder and the lines that end with "# optional: fast".
"""

from .write import write_done

__all__ = ["write_done"]
