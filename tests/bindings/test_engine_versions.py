"""docs/engine-versions.md names each call to the engine, and no other; which version is asked which was watched."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from pyzeebe.proto import gateway_pb2 as pb

from tests.bindings.models import ROOT
from tests.unit.engine.clusters import INCIDENT_86, INCIDENT_89, TASK_86, TASK_89, LogIn, Row, cluster
from workers.operations.camunda import OperationsRest
from workers.operations.model import Stuck

TABLES = (ROOT / "docs" / "engine-versions.md").read_text()
VERSIONS = ("8.6", "8.7", "8.8", "8.9")
OLD: Row = {**INCIDENT_86, **TASK_86, "processDefinitionKey": 4, "flowNodeInstanceKey": 3, "bpmnProcessId": "deal"}
NEW: Row = {**INCIDENT_89, **TASK_89, "processDefinitionKey": "4", "elementInstanceKey": "3"}
STUCK = Stuck("element", "3", "", "", None, "deal", "assign_owner", process_instance_key=6)


def called() -> set[str]:
    """Names of the gRPC calls that the code makes."""
    client = (ROOT / "workers" / "runtime" / "zeebe" / "client.py").read_text()
    return set(re.findall(r"\._stub\.(\w+)\(", client))


def test_grpc() -> None:
    assert called() == set(re.findall(r"^\| `(\w+)` \|", TABLES, re.MULTILINE))
    assert called() <= set(pb.DESCRIPTOR.services_by_name["Gateway"].methods_by_name)


async def use(camunda: OperationsRest) -> set[str]:
    """Call all that the adapter can; the names of what was called."""
    await camunda.user_tasks()
    await camunda.assign_user_task(7, "mona")
    await camunda.complete_user_task(7)
    await camunda.incidents()
    await camunda.process_instances("deal", "CREATED")
    await camunda.element_state(3, 6, "decide")
    await camunda.instance_state(6)
    await camunda.open_incidents(1)
    await camunda.waiting_elements(1)
    await camunda.set_variables(3, {"a": 1})
    await camunda.with_business_ids([STUCK])
    return set(re.findall(r"await camunda\.(\w+)", inspect.getsource(use)))


@pytest.mark.parametrize(
    ("version", "log_in", "item"), [("8.6", "session", OLD), ("8.7", "session", NEW), ("8.8", "basic", NEW), ("8.9", "token", NEW)]
)  # fmt: skip
async def test_rest(tmp_path: Path, version: str, log_in: LogIn, item: Row) -> None:
    item = item | {
        "value": '"lead-1"',
        "creationTime": "2026-01-02T03:04:05.000Z",
        "startDate": "2026-01-02T03:04:05.000Z",
    }
    with cluster(f"{version}.9", tmp_path, item, log_in=log_in) as (settings, asked):
        async with OperationsRest(settings) as camunda:
            called = await use(camunda)
    can = {name for name, _ in inspect.getmembers(OperationsRest, inspect.iscoroutinefunction) if name[0] != "_"}
    assert called == can - {"pass_on"}, "what Tasklist asks is passed on as it is"
    rows = re.findall(r"^\| `(/[^`]+)` \| [^|]* " + r"\|([^|]*)" * len(VERSIONS) + r"\|$", TABLES, re.MULTILINE)
    column = VERSIONS.index(version) + 1
    named = {row[0] for row in rows if "✓" in row[column]}
    assert {path for path in asked.paths if log_in == "session" or path != "/api/login"} == named
