"""What to do about rows that fail: try them in later runs, or again in the same run, or publish all rows or none.

Protects from: rows that failed by chance and stay failed; readers who see half a result.
Costs: four options, one more part of the table to claim, and with retry-all one transaction over all rows.
Instead: an UPDATE that sets failed rows back to pending. Without this folder a row that failed stays failed.
Remove: delete this folder and the lines that end with "# optional: policies"
"""

from .options import POLICY_OPTIONS, Policy, choose, tolerate

__all__ = ["POLICY_OPTIONS", "Policy", "choose", "tolerate"]
