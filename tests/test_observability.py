"""Alerts, scrape configuration and dashboard, checked by promtool and against the metrics of the services."""

import asyncio
import json
import re
import subprocess
from collections import defaultdict

import httpx
import pytest
import yaml

from asynchronous.checks.metrics import danger_metrics
from asynchronous.telemetry.metrics import render
from batch import api
from local.processes import ROOT
from web_single.telemetry.metrics import Metrics

FOLDER = ROOT / "observability"
ALERTS = [rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((FOLDER / "grafana" / "serving-patterns.json").read_text())
PARTS = {"counter": [""], "gauge": [""], "histogram": ["_bucket", "_count", "_sum"]}


@pytest.mark.parametrize("command", ["check config prometheus.yml", "test rules alerts_test.yml"])
def test_promtool_accepts_the_configuration_and_the_alerts_fire_when_they_should(command):
    done = subprocess.run(["promtool", *command.split()], cwd=FOLDER, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_tested():
    cases = yaml.safe_load((FOLDER / "alerts_test.yml").read_text())["tests"]
    fired = {check["alertname"] for case in cases for check in case["alert_rule_test"] if check.get("exp_alerts")}
    assert fired == {rule["alert"] for rule in ALERTS}


def shown(*pages):
    """Return the names of all series on pages in Prometheus format."""
    types = [found for page in pages for found in re.findall(r"^# TYPE (\S+) (\w+)$", page, re.M)]
    return {name + part for name, kind in types for part in PARTS.get(kind, [])}


def asked(expression):
    """Return the names of the series in an expression: every name that is not a label, a function or a number."""
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\b(by|without|on) \([^)]*\)|\bunless\b", " ", expression)
    return set(re.findall(r"(?<![\w:.])[a-z_:][\w:]*(?![\w:]|\s*\()", bare, re.I))


async def metrics_of(app):
    transport = httpx.ASGITransport(app)  # it does not run the lifespan, which closes the database
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        return (await client.get("/metrics")).text


def test_a_service_exposes_every_series_in_alerts_and_dashboard(serving, artifacts, tmp_path, monkeypatch):
    monkeypatch.setenv("MODEL_DIR", str(artifacts / "iris"))
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/batch.sqlite3")
    batch = asyncio.run(metrics_of(api.create_app()))
    proxy = render(defaultdict(float), [*danger_metrics([])()]).decode()
    iris = Metrics("iris", 1).page().decode()
    images = httpx.get(f"{serving.rest}/monitoring/prometheus/metrics", timeout=60).text
    panels = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
    wanted = set.union(*map(asked, [*panels, *(rule["expr"] for rule in ALERTS)]))
    assert wanted - {"up"} <= shown(batch, proxy, iris, images)
    assert len(wanted) > 15


def test_the_dashboard_has_a_row_for_each_pattern():
    rows = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    assert rows == ["web_single", "synchronous", "asynchronous", "batch"]
