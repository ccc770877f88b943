import json
import os
import subprocess
import sys


def log(code: str, **settings: str) -> str:
    """Return what a program logs that runs `code` with these settings."""
    start = "import logging, asynchronous.settings as s; s.load_settings(); log = logging.getLogger('x'); "
    argv, env = [sys.executable, "-c", start + code], os.environ | settings
    return subprocess.run(argv, env=env, check=True, capture_output=True, text=True).stderr


def test_log_lines_can_be_json():
    line = json.loads(log("log.warning('hello')", LOG_FORMAT="json"))
    assert (line["message"], line["levelname"], line["name"]) == ("hello", "WARNING", "x")


def test_lines_below_the_level_are_left_out():
    lines = log("log.info('hidden'); log.warning('shown')", LOG_LEVEL="warning")
    assert [line.split(" ", 2)[2] for line in lines.splitlines()] == ["WARNING x shown"]
