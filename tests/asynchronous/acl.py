"""The permissions that the README lists."""

import re

from local.processes import ROOT

USER, PASSWORD = "jobs", "a#b/c?@"  # which would not be valid in a URL
[RULE] = re.findall("^    user jobs on >PASSWORD (.*)$", (ROOT / "asynchronous" / "README.md").read_text(), re.M)
