"""What to do about rows that fail: retry them in the same run, or publish all rows or none.

Protects from: a run that must be started again for rows that failed by chance; half a result that somebody reads.
Costs: three options, and with retry-all one transaction over all rows.
Instead: run again. The default policy, `leave`, tries failed rows in each later run until they have had 3 attempts.
Remove: delete this folder and the lines that end with "# optional: policies"
"""

from .options import AllowFailed, Backoff, OnFailure, Policy, choose, tolerate

__all__ = ["AllowFailed", "Backoff", "OnFailure", "Policy", "choose", "tolerate"]
