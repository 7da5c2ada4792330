"""What the REST adapter asks of clusters of different versions, and how it reads them.

Paths, fields and their types are those of Camunda's published contracts of 8.6 to 8.9; the real 8.6 is in tests/stack.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from tests.simulators.serving import listening
from tests.unit.runtime.demo.authority import Authority
from tests.unit.runtime.demo.token_server import token_server
from workers.engine.found import FoundIncident, FoundTask
from workers.engine.rest import CamundaRest, RestError
from workers.operations.camunda import OperationsRest
from workers.operations.model import Stuck
from workers.settings import Settings, Zeebe

COMMON = {"elementId": "decide", "state": "CREATED", "processDefinitionId": "deal", "assignee": "mona"}
TASK_86 = COMMON | {
    "key": 7, "processInstanceKey": 6, "formKey": 5, "candidateGroup": ["managers"], "candidateUser": [],
    "creationDate": "2026-01-02T03:04:05.000+0000",
}  # fmt: skip
TASK_89 = COMMON | {
    "userTaskKey": "7", "processInstanceKey": "6", "formKey": "5", "candidateGroups": ["managers"], "candidateUsers": [],
    "creationDate": "2026-01-02T03:04:05.000Z", "dueDate": None, "completionDate": None,
}  # fmt: skip
INCIDENT_86 = {
    "key": 9, "processInstanceKey": 6, "flowNodeId": "decide", "type": "JOB_NO_RETRIES", "message": "no", "jobKey": 8,
}  # fmt: skip
INCIDENT_89 = {
    "incidentKey": "9", "processInstanceKey": "6", "elementId": "decide", "errorType": "JOB_NO_RETRIES",
    "errorMessage": "no", "jobKey": "8",
}  # fmt: skip


class Cluster:
    """Answers each search with `items` and keeps what it was asked."""

    def __init__(self, version: str, *, sessions: bool, items: list[dict[str, Any]]) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.app = FastAPI()

        @self.app.post("/api/login")
        async def log_in() -> Response:
            return Response(status_code=204 if sessions else 404)

        @self.app.get("/v2/topology")
        async def topology() -> Response:
            if not version:
                return Response("<html>Log in, please: 8.6</html>", media_type="text/html")
            return JSONResponse({"brokers": [], "clusterSize": 1, "gatewayVersion": version})

        @self.app.post("/{api}/{what}/search")
        async def search(api: str, what: str, request: Request) -> dict[str, Any]:
            self.asked.append((f"/{api}/{what}", (await request.json())["filter"]))
            return {"items": items}


@contextmanager
def cluster(
    version: str, folder: Path, *items: dict[str, Any], log_in: str = "basic"
) -> Iterator[tuple[Settings, list[tuple[str, dict[str, Any]]]]]:
    """Settings for a cluster that people log in to by `session`, `basic` or `token`, and what it was asked."""
    made = Cluster(version, sessions=log_in == "session", items=list(items))
    authority = Authority(folder)
    with listening(made.app) as url, token_server(authority.context, 3600) as tokens:
        token: dict[str, Any] = {
            "oauth_client_id": "worker", "oauth_client_secret": "s3cret", "oauth_url": tokens.url,
            "ca_file": authority.file,
        }  # fmt: skip
        yield Settings(zeebe=Zeebe(rest_address=url, **(token if log_in == "token" else {}))), made.asked


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
    tmp_path: Path, version: str, log_in: str, operate: bool
) -> None:
    found = {"state": "COMPLETED", "value": '"lead-1"'}
    stuck = Stuck("element", "3", "", "", None, "deal", "assign_owner", process_instance_key=6, process_definition_key=2)
    with cluster(version, tmp_path, found, log_in=log_in) as (settings, asked):
        async with OperationsRest(settings) as camunda:
            assert await camunda.element_state(3, 6, "assign_owner") == "COMPLETED"
            assert await camunda.instance_state(6) == "COMPLETED"
            (named,) = await camunda.with_business_ids([stuck])
    assert named.business_id == "lead-1"
    if operate:
        assert asked == [
            ("/v1/flownode-instances", {"key": 3, "processInstanceKey": 6, "flowNodeId": "assign_owner"}),
            ("/v1/process-instances", {"key": 6}),
            ("/v1/variables", {"processInstanceKey": 6, "name": "lead_id"}),
        ]
    else:
        assert asked == [
            ("/v2/element-instances", {"elementInstanceKey": "3", "elementId": "assign_owner", "processInstanceKey": "6"}),
            ("/v2/process-instances", {"processInstanceKey": "6"}),
            ("/v2/variables", {"processInstanceKey": "6", "name": "lead_id"}),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("version", "task", "incident"), [("8.6.0", TASK_86, INCIDENT_86), ("8.9.13", TASK_89, INCIDENT_89)]
)
async def test_keys_of_both_names_and_kinds_are_the_same(
    tmp_path: Path, version: str, task: dict[str, Any], incident: dict[str, Any]
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
    assert asked == [("/v2/user-tasks", {"state": "CREATED", "processInstanceKey": "6", "elementId": "decide"})]
    with cluster(version, tmp_path, incident) as (settings, _):
        async with CamundaRest(settings) as camunda:
            assert await camunda.incidents() == [FoundIncident(9, 6, "decide", "JOB_NO_RETRIES", "no", 8)]


async def test_a_door_that_does_not_tell_its_version_is_no_cluster(tmp_path: Path) -> None:
    with cluster("", tmp_path) as (settings, asked):
        async with CamundaRest(settings) as camunda:
            with pytest.raises(RestError, match=r"refused to tell its version \(HTTP 200\): <html>Log in"):
                await camunda.incidents()
    assert asked == []
