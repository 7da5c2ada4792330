"""Alert rules, runbooks and the runtime's messages hold together: each names what the other has."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

import workers
from workers.gateway.metrics import Metrics
from workers.gateway.runbooks import INDEX, names
from workers.runtime import runbooks
from workers.runtime.answers import Outcome
from workers.runtime.discovery import all_job_types
from workers.runtime.errors import TaskError
from workers.settings import Ports, Settings

FOLDER = Path(__file__).parents[3] / "compose" / "prometheus"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((FOLDER / "fairlead.rules.yml").read_text())["groups"] for rule in group["rules"]
]
BASE = "{{ $externalLabels.fairlead_runbooks }}/"
FUNCTIONS = {
    *("sum", "max", "min", "rate", "increase", "absent", "by"),
}
SUFFIXES = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}


def everything() -> None:
    """Import every module, so that all errors and metrics are known."""
    for module in pkgutil.walk_packages(workers.__path__, "workers."):
        if not module.name.startswith(("workers.migrations", "workers.__main__")):
            importlib.import_module(module.name)


def kinds(error: type[TaskError] = TaskError) -> Iterator[type[TaskError]]:
    yield error
    for kind in error.__subclasses__():
        yield from kinds(kind)


def metrics() -> dict[str, MetricWrapperBase]:
    """Every metric that Prometheus can see, by the names of its samples."""
    found = {}
    for registry in (REGISTRY, Metrics().registry):
        for collector in registry._collector_to_names:
            if isinstance(collector, MetricWrapperBase):
                for suffix in SUFFIXES[str(collector._type)]:
                    found[f"{collector._name}{suffix}"] = collector
    return found


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
    everything()
    expression = rule["expr"]
    assert expression.count("(") == expression.count(")")
    known = metrics()
    selectors = re.findall(r"\b(fairlead_\w+)(?:\{([^}]*)\})?", expression)
    assert selectors
    scraped = {"job", "instance"}
    for name, chosen in selectors:
        labels = dict(re.findall(r'(\w+)="([^"]*)"', chosen))
        assert set(labels) - scraped <= set(known[name]._labelnames), name
        if "outcome" in labels and name == "fairlead_jobs_finished_total":
            assert labels["outcome"] in Outcome.__args__  # type: ignore[attr-defined]  # a Literal's values
        if "task" in labels:
            assert labels["task"] in all_job_types()
    carried = set(re.findall(r"by \(([\w, ]+)\)", expression)[0].split(", ")) if " by (" in expression else set()
    told = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    assert told <= carried, "the summary tells of labels that the expression has summed away"
    words = set(re.findall(r"[a-z_]+(?=\s*\()", expression))
    assert words <= FUNCTIONS


def test_every_counter_is_named_as_prometheus_sees_it() -> None:
    everything()
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
