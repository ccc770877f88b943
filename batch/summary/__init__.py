"""The summary of a run with speed, model version and what was left, in words or as JSON: `--json`.

Protects from: programs that must parse words; a run that ended early and does not say how many rows it tried.
Costs: one option.
Instead: the line that the root prints, the exit code, and SELECT COUNT(*) ... GROUP BY state.
Remove: delete this folder and the lines that end with "# optional: summary"
"""

from .summary import SUMMARY_OPTIONS, Summary

__all__ = ["SUMMARY_OPTIONS", "Summary"]
