"""Predictions of many labels: statements within the database's limit of bytes, and `--top K` to store less.

Protects from: an UPDATE larger than `max_allowed_packet`, for which the server closes the connection.
Costs: one query in each run. With `--top K` the probabilities of the other labels are not kept.
Instead: a larger `max_allowed_packet`, or a smaller --chunk-rows.
Remove: delete this folder and the lines that end with "# optional: wide"
"""

from .statements import fit_statements
from .top import Top, keep_top

__all__ = ["Top", "fit_statements", "keep_top"]
