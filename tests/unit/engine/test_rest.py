"""What the REST adapter asks of clusters of different versions, and how it reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.unit.engine.clusters import INCIDENT_86, INCIDENT_89, TASK_86, TASK_89, LogIn, Row, cluster
from workers.engine.found import FoundIncident, FoundTask
from workers.engine.rest import CamundaRest, RestError
from workers.operations.camunda import OperationsRest
from workers.operations.model import Stuck


@pytest.mark.parametrize(
    ("version", "log_in", "operate"),
    [
        ("8.6.0", "session", True),
        ("8.6.31", "token", True),
        ("8.7.5", "token", True),
        ("8.8.21", "basic", False),
        ("8.9.0-SNAPSHOT", "token", False),
        ("8.10.1", "basic", False),
    ],
)
async def test_the_version_decides_which_api_is_asked_however_one_logs_in(
    tmp_path: Path, version: str, log_in: LogIn, operate: bool
) -> None:
    found = {"state": "COMPLETED", "value": '"lead-1"'}
    stuck = Stuck(
        "element", "3", "", "", None, "deal", "assign_owner", process_instance_key=6, process_definition_key=2
    )
    with cluster(version, tmp_path, found, log_in=log_in) as (settings, asked):
        async with OperationsRest(settings) as camunda:
            assert await camunda.element_state(3, 6, "assign_owner") == "COMPLETED"
            assert await camunda.instance_state(6) == "COMPLETED"
            (named,) = await camunda.with_business_ids([stuck])
    assert named.business_id == "lead-1"
    if operate:
        assert asked.filters == [
            ("/v1/flownode-instances", {"key": 3, "processInstanceKey": 6, "flowNodeId": "assign_owner"}),
            ("/v1/process-instances", {"key": 6}),
            ("/v1/variables", {"processInstanceKey": 6, "name": "lead_id"}),
        ]
    else:
        assert asked.filters == [
            ("/v2/element-instances", {"elementInstanceKey": "3", "elementId": "assign_owner", "processInstanceKey": "6"}),
            ("/v2/process-instances", {"processInstanceKey": "6"}),
            ("/v2/variables", {"processInstanceKey": "6", "name": "lead_id"}),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("version", "task", "incident"), [("8.6.0", TASK_86, INCIDENT_86), ("8.9.13", TASK_89, INCIDENT_89)]
)
async def test_keys_of_both_names_and_kinds_are_the_same(
    tmp_path: Path, version: str, task: Row, incident: Row
) -> None:
    with cluster(version, tmp_path, task) as (settings, asked):
        async with CamundaRest(settings) as camunda:
            tasks = await camunda.user_tasks(process_instance_key=6, element_id="decide")
    assert tasks == [
        FoundTask(
            key=7, element_id="decide", state="CREATED", process_id="deal", process_instance_key=6, assignee="mona",
            candidate_groups=("managers",), candidate_users=(), form_key=5,
            created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), due_at=None,
        )
    ]  # fmt: skip
    assert asked.filters == [("/v2/user-tasks", {"state": "CREATED", "processInstanceKey": "6", "elementId": "decide"})]
    with cluster(version, tmp_path, incident) as (settings, _):
        async with CamundaRest(settings) as camunda:
            assert await camunda.incidents() == [FoundIncident(9, 6, "decide", "JOB_NO_RETRIES", "no", 8)]


async def test_a_door_that_does_not_tell_its_version_is_no_cluster(tmp_path: Path) -> None:
    with cluster("", tmp_path) as (settings, asked):
        async with CamundaRest(settings) as camunda:
            with pytest.raises(RestError, match=r"refused to tell its version \(HTTP 200\): <html>Log in"):
                await camunda.incidents()
    assert asked.filters == []
