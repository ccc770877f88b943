"""The permissions that REDIS.md lists."""

import re

from local.processes import ROOT

USER, PASSWORD = "jobs", "a#b/c?@"  # which would not be valid in a URL
[RULE] = re.findall("^    user jobs on >PASSWORD (.*)$", (ROOT / "asynchronous" / "REDIS.md").read_text(), re.M)
