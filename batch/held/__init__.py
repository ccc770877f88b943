"""Rows that others hold: a run waits for them at its end, and counts those that are left.

Protects from: exit code 0 while an open transaction of another program, or a stuck runner, keeps rows from the run.
Costs: a run with such rows lasts up to HELD_ROWS_SECONDS (30) longer, and ends with exit code 8.
Instead: compare `waiting` and `rows` in the summary.
Remove: delete this folder and the lines that end with "# optional: held"
"""

from .held import wait_for_held_rows

__all__ = ["wait_for_held_rows"]
