"""Alert rules, runbooks and the runtime's messages hold together: each names what the other has."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.prometheus_server import needs_prometheus
from tests.unit.operations.known_metrics import check, everything, metrics
from workers.gateway.runbooks import INDEX, names
from workers.runtime import runbooks
from workers.runtime.errors import TaskError
from workers.settings import Ports, Settings

FOLDER = Path(__file__).parents[3] / "compose" / "prometheus"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((FOLDER / "fairlead.rules.yml").read_text())["groups"] for rule in group["rules"]
]
BASE = "{{ $externalLabels.fairlead_runbooks }}/"


def kinds(error: type[TaskError] = TaskError) -> Iterator[type[TaskError]]:
    yield error
    for kind in error.__subclasses__():
        yield from kinds(kind)


@pytest.mark.parametrize("rule", RULES, ids=lambda one: one["alert"])
def test_a_rule_has_all_that_an_operator_needs(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"Fairlead[A-Za-z]+", rule["alert"])
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert set(rule["annotations"]) == {"summary", "runbook_url"}
    assert re.fullmatch(r"\d+[smh]", rule.get("for", "0s"))
    address = rule["annotations"]["runbook_url"]
    assert address.startswith(BASE)
    assert address.removeprefix(BASE).removesuffix(".md") in names()


@pytest.mark.parametrize("rule", RULES, ids=lambda one: one["alert"])
def test_a_rule_speaks_of_metrics_and_labels_that_exist(rule: dict[str, Any]) -> None:
    expression = rule["expr"]
    assert "fairlead_" in expression
    check(expression)
    carried = set(re.findall(r"by \(([\w, ]+)\)", expression)[0].split(", ")) if " by (" in expression else set()
    told = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    assert told <= carried, "the summary tells of labels that the expression has summed away"


def test_every_counter_is_named_as_prometheus_sees_it() -> None:
    known = metrics()
    assert "fairlead_outbox_dead_total" in known
    assert "fairlead_outbox_dead" not in known


def test_each_message_leads_to_a_page_and_to_each_page_leads_a_message() -> None:
    everything()
    named = {kind.runbook for kind in kinds() if kind.runbook} | {runbooks.INCIDENT, runbooks.DEAD_LETTER}
    alerted = {rule["annotations"]["runbook_url"].removeprefix(BASE).removesuffix(".md") for rule in RULES}
    assert named <= set(names())
    assert set(names()) == named | alerted | {INDEX}


def test_prometheus_scrapes_every_process_of_the_local_stack() -> None:
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    assert config["rule_files"] == ["fairlead.rules.yml"]
    targets = {one for job in config["scrape_configs"] for given in job["static_configs"] for one in given["targets"]}
    ports = {
        name: port for name, port in Ports().model_dump().items() if name.endswith("_metrics") or name == "gateway"
    }
    assert targets == {f"127.0.0.1:{port}" for port in ports.values()}
    assert config["global"]["external_labels"]["fairlead_runbooks"] == Settings().runbook("x").removesuffix("/x.md")
    jobs = {job["job_name"] for job in config["scrape_configs"]}
    chosen = {name for rule in RULES for name in re.findall(r'job="([^"]+)"', rule["expr"])}
    assert chosen <= jobs


def test_a_long_message_keeps_its_runbook() -> None:
    text = runbooks.signed("x" * 5_000, "http://here/incident.md", 100)
    assert len(text) == 100
    assert text.endswith(" Runbook: http://here/incident.md")


@needs_prometheus
def test_each_alert_goes_off_in_time_and_none_without_need() -> None:
    cases = FOLDER / "fairlead.rules.tests.yml"
    tried = {test["name"] for test in yaml.safe_load(cases.read_text())["tests"]}
    assert {rule["alert"] for rule in RULES} <= tried
    for arguments in (["check", "config", str(FOLDER / "prometheus.yml")], ["test", "rules", str(cases)]):
        done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
