"""Statements within the database's limit of bytes, for predictions and for new rows; `--top K` stores less.

Protects from: an UPDATE or INSERT larger than `max_allowed_packet`, for which the server closes the connection.
Costs: one query in each run and for each post. With `--top K` the probabilities of the other labels are not kept.
Instead: a larger `max_allowed_packet`, or a smaller --chunk-rows.
Remove: delete this folder and the lines that end with "# optional: wide"
"""

from .inserts import fit_inserts
from .statements import fit_statements
from .top import WIDE_OPTIONS, keep_top

__all__ = ["WIDE_OPTIONS", "fit_inserts", "fit_statements", "keep_top"]
