"""Reads everything about one process from Operate's search (Camunda 8.6, ``/v1``), page by page.

The search lags the engine by seconds. Reference: https://docs.camunda.io/docs/8.6/apis-tools/operate-api/overview/
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import httpx

from workers.chaos.checker.evidence import Engine, Incident, Instance, Row, Step

PROCESS = "lead_routing"
KINDS = ("SERVICE_TASK", "USER_TASK", "END_EVENT", "INTERMEDIATE_CATCH_EVENT")
PAGE = 1_000
TIMEOUT_SECONDS = 60.0
UNNAMED = "?"
"""The lead of an instance whose variable the search does not show."""
Json = dict[str, Any]  # Any: JSON


def read_engine(url: str, username: str, password: str) -> Engine:
    """Instances, steps and incidents of all leads.

    Raises:
        httpx.HTTPError: Camunda is away or refuses.
    """
    with httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS, trust_env=False) as http:
        http.post("/api/login", params={"username": username, "password": password}).raise_for_status()
        found = {
            int(one["key"]): (str(one["state"]), int(one["processDefinitionKey"]))
            for one in _all(http, "process-instances", {"bpmnProcessId": PROCESS})
        }
        named = {
            int(one["processInstanceKey"]): str(json.loads(one["value"]) or UNNAMED)
            for one in _all(http, "variables", {"name": "lead_id"})
            if not one.get("truncated") and one["scopeKey"] == one["processInstanceKey"]
        }
        steps = [
            Step(int(one["key"]), int(one["processInstanceKey"]), one["flowNodeId"], kind, one["state"])
            for kind in KINDS
            for one in _all(http, "flownode-instances", {"type": kind})
            if int(one["processInstanceKey"]) in found
        ]
        elements = {step.key: step.element_id for step in steps}
        incidents = [
            Incident(
                int(one["processInstanceKey"]),
                elements.get(int(one.get("flowNodeInstanceKey") or 0), str(one.get("type"))),
                str(one.get("message") or ""),
            )
            for one in _all(http, "incidents", {})
            if one.get("state") != "RESOLVED" and int(one["processInstanceKey"]) in found
        ]
    instances = [
        Instance(key, named.get(key, UNNAMED), state, definition) for key, (state, definition) in found.items()
    ]
    return Engine(instances, steps, incidents)


def named(engine: Engine, choices: Iterable[Row]) -> Engine:
    """The same, with the leads of instances that were moved to another version as `choices` (`runtime.version_choices`) has them:
    Operate 8.6 shows their variables as null, since the record of the move holds no values.
    """
    known = {int(row["process_instance_key"]): str(row["business_id"]) for row in choices}
    instances = [
        replace(one, lead_id=known.get(one.key, UNNAMED)) if one.lead_id == UNNAMED else one for one in engine.instances
    ]
    return replace(engine, instances=instances)


def _all(http: httpx.Client, what: str, wanted: Json) -> Iterator[Json]:
    body: Json = {"filter": wanted, "size": PAGE, "sort": [{"field": "key", "order": "ASC"}]}
    while True:
        answer = http.post(f"/v1/{what}/search", json=body).raise_for_status().json()
        yield from answer["items"]
        if len(answer["items"]) < PAGE:
            return
        body["searchAfter"] = answer["sortValues"]
