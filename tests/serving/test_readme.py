"""The README: its command is run."""

import re
import shlex
import sys

import httpx

from local.processes import ROOT, wait_until
from local.servers import answers

README = (ROOT / "serving" / "README.md").read_text()


def test_the_command_in_the_readme_starts_the_server_and_logs_what_it_shows(start, free_port, tmp_path):
    ports = {"8500": str(free_port()), "8501": str(free_port())}
    [command] = re.findall(r"^    (python -m serving .+)$", README, re.M)
    shown = "\n".join(re.findall(r"^    INFO .+$", README, re.M)).replace("models/", f"{ROOT}/models/")
    for default, port in ports.items():
        command, shown = command.replace(default, port), shown.replace(default, port)
    status = re.search(r"curl http://127.0.0.1:8501(\S+)`", README)[1]
    url = f"http://127.0.0.1:{ports['8501']}{status}"
    program = start("serving", [sys.executable, *shlex.split(command)[1:]], lambda: answers(url))
    wait_until(lambda: all(line.strip() in program.log.read_text() for line in shown.splitlines()), what=shown)
    assert httpx.get(url, timeout=60).json()["model_version_status"][0]["state"] == "AVAILABLE"
