"""The files of gateway/ against the services and docker-compose.yml."""

import re
import subprocess
import typing

from fastapi import sse

from asynchronous import api
from local.processes import ROOT
from tests.containers import SERVICES
from tests.test_repository import HEADINGS, LARGEST_README

from .running import FOLDER, haproxy

CONFIGURATION = (FOLDER / "haproxy.cfg").read_text()
README = (FOLDER / "README.md").read_text()
DEFAULTS = dict(re.findall(r"presetenv (\w+) (\S+)", CONFIGURATION))


def seconds(name):
    return int(re.search(rf"^ *{name} (\d+)s", CONFIGURATION, re.M)[1])


def test_haproxy_accepts_the_configuration_without_a_warning(gateway):
    argv = [haproxy(), "-c", "-f", str(FOLDER / "haproxy.cfg")]
    env = {"SECRETS_FOLDER": str(gateway.folder)}
    done = subprocess.run(argv, env=env, check=False, capture_output=True, text=True)
    assert (done.returncode, "WARNING" in done.stderr) == (0, False), done.stderr


def test_nothing_is_cut_off_earlier_than_the_services_promise():
    longest_wait = max(getattr(limit, "le", 0) for limit in typing.get_args(api.Wait)[1].metadata)
    assert seconds("timeout server") > longest_wait + 5
    assert seconds("timeout server") > 2 * sse._PING_INTERVAL
    assert seconds("hard-stop-after") > longest_wait + 5
    assert int(SERVICES["gateway"]["stop_grace_period"].removesuffix("s")) >= seconds("hard-stop-after") + 5


def test_the_services_ports_stay_on_this_machine_when_the_gateway_is_opened():
    opened = [name for name, service in SERVICES.items() if "gateway" in service["profiles"]]
    assert opened == ["gateway"]
    text = (ROOT / "docker-compose.yml").read_text()
    assert re.findall(r"\$\{GATEWAY_BIND_ADDRESS.*?:(\d+)\"", text) == ["8443"]


def test_the_readme_is_short_and_lists_the_settings_with_their_defaults():
    headings = re.findall(r"^## (.*)", README, re.M)
    assert len(README.splitlines()) <= LARGEST_README
    assert [heading for heading in headings if heading in HEADINGS] == [h for h in HEADINGS if h != "Optional parts"]
    settings = README.partition("## Settings")[2].partition("\n\n`.env`")[0]
    assert set(re.findall(r"`([A-Z_]+)`", settings)) == {*DEFAULTS, "NAMESERVER"}
    assert all(default in settings for default in DEFAULTS.values())


def test_the_answers_in_the_readme_are_those_of_the_gateway(gateway):
    status, body = gateway.ask("/web_single/label", **{"x-api-key": "none"})
    assert (status, body.decode() in README) == (401, True)
    assert set(re.findall(r"return status (\d+)", CONFIGURATION)) - {"200"} <= set(re.findall(r"\b[45]\d\d\b", README))


def test_the_gateway_leaves_connections_for_the_probes():
    everywhere, gateway = (int(number) for number in re.findall(r"^    maxconn (\d+)", CONFIGURATION, re.M))
    assert gateway <= everywhere - 100
