"""A real Prometheus watches the real stack: every program, every alert and every panel of the dashboards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.dashboards import DASHBOARDS, expressions
from tests.prometheus_server import Prometheus, needs_prometheus
from tests.stack.office import Office, new_lead
from workers.settings import Ports

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800), needs_prometheus]

EVENTS = "events_metrics"
"""Of the process that runs only where brokers are named."""
QUIET = {
    *(
        "fairlead_events",
        "fairlead_scorer_",
        "fairlead_breaker_state",
        "fairlead_healing",
        "fairlead_attention",
        "fairlead_prediction",
    ),
    *("fairlead_jobs_retried", "fairlead_jobs_repeated", "fairlead_jobs_redelivered", "fairlead_outbox_retried"),
    *("fairlead_jobs_waiting", "fairlead_worker_limit", "fairlead_stream_breaks"),
}
"""What has nothing to show while nothing of its kind happened."""


async def test_prometheus_sees_every_program_and_answers_every_panel(office: Office, tmp_path: Path) -> None:
    ports, usual = office.settings.ports.model_dump(), Ports().model_dump()
    targets = {
        f"127.0.0.1:{usual[name]}": f"127.0.0.1:{port}"
        for name, port in ports.items()
        if (name.endswith("_metrics") and name != EVENTS) or name == "gateway"
    }
    lead = new_lead()
    (lead_id,) = await office.send(lead)
    with Prometheus(tmp_path, targets) as prometheus:

        async def all_up() -> bool:
            states = {one["metric"]["instance"]: one["value"][1] for one in prometheus.ask("up")}
            return set(targets.values()) == {instance for instance, state in states.items() if state == "1"}

        await office.until(all_up, "Prometheus to reach every program")
        await office.reaches(lead_id, "assigned")

        async def counted() -> bool:
            done = prometheus.ask('fairlead_jobs_finished_total{task="lead_routing.assign_owner", outcome="completed"}')
            return sum(float(one["value"][1]) for one in done) > 0

        await office.until(counted, "the worker's count of assigned leads")

        async def all_rules_say_it_is_there() -> bool:
            rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
            assert [
                (rule["name"], rule["lastError"]) for rule in rules if rule["health"] not in {"ok", "unknown"}
            ] == []
            away = {rule["name"] for rule in rules if rule["state"] != "inactive" and rule["name"].endswith("Away")}
            return not away and all(rule["health"] == "ok" for rule in rules)

        await office.until(all_rules_say_it_is_there, "no alert to say that something is away")
        silent = {
            given.replace("$__rate_interval", "1m").replace("$task", ".*"): f"{path.stem}: {panel['title']}"
            for path in DASHBOARDS
            for panel in json.loads(path.read_text())["panels"]
            for given in expressions(panel)
        }

        async def all_say_something() -> bool:
            for expression in [asked for asked in silent if prometheus.ask(asked)]:
                del silent[expression]
            return all(any(word in expression for word in QUIET) for expression in silent)

        try:
            await office.until(all_say_something, "every panel to have something to show")
        except AssertionError:
            pytest.fail(f"These panels show nothing: {silent}")
