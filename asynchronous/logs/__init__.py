"""Log lines of all programs on stderr, with the time and the level, as text or JSON: LOG_LEVEL, LOG_FORMAT.

Protects from: lines that a log collector cannot parse, and cannot filter by level.
Costs: `python-json-logger` in the image.
Instead: Python's own default, which writes the bare text of warnings and errors to stderr.
Remove: delete this folder and the lines that end with "# optional: logs"
"""

from .logs import set_up_logs

__all__ = ["set_up_logs"]
