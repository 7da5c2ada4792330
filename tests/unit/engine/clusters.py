"""A door that answers as Camunda's REST API of a version does, and keeps what it was asked.

Paths, fields and their types are those of Camunda's published contracts of 8.6 to 8.9; the real 8.6 is in tests/stack.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from tests.simulators.serving import listening
from tests.unit.runtime.demo.authority import Authority
from tests.unit.runtime.demo.token_server import token_server
from workers.settings import Settings, Zeebe

Row = dict[str, Any]
LogIn = Literal["session", "basic", "token"]
COMMON: Row = {"elementId": "decide", "state": "CREATED", "processDefinitionId": "deal", "assignee": "mona"}
TASK_86: Row = COMMON | {
    "key": 7, "processInstanceKey": 6, "formKey": 5, "candidateGroup": ["managers"], "candidateUser": [],
    "creationDate": "2026-01-02T03:04:05.000+0000",
}  # fmt: skip
TASK_89: Row = COMMON | {
    "userTaskKey": "7", "processInstanceKey": "6", "formKey": "5", "candidateGroups": ["managers"], "candidateUsers": [],
    "creationDate": "2026-01-02T03:04:05.000Z", "dueDate": None, "completionDate": None,
}  # fmt: skip
INCIDENT_86: Row = {
    "key": 9, "processInstanceKey": 6, "flowNodeId": "decide", "type": "JOB_NO_RETRIES", "message": "no", "jobKey": 8,
}  # fmt: skip
INCIDENT_89: Row = {
    "incidentKey": "9", "processInstanceKey": "6", "elementId": "decide", "errorType": "JOB_NO_RETRIES",
    "errorMessage": "no", "jobKey": "8",
}  # fmt: skip


@dataclass
class Asked:
    """What a door was asked."""

    paths: set[str] = field(default_factory=set)
    """Keys in them are written `{}`."""
    filters: list[tuple[str, Row]] = field(default_factory=list)
    """Of searches, in order."""


def door(version: str, log_in: LogIn, items: list[Row], asked: Asked) -> FastAPI:
    """Each search finds `items`; without a version it is no cluster, but a page for people."""
    app = FastAPI()

    @app.api_route("/{path:path}", methods=["GET", "POST", "PUT"])
    async def answer(path: str, request: Request) -> Response:
        asked.paths.add(re.sub(r"/\d+", "/{}", f"/{path}"))
        if path == "api/login":
            return Response(status_code=204 if log_in == "session" else 404)
        if not version:
            return Response("<html>Log in, please: 8.6</html>", media_type="text/html")
        if path == "v2/topology":
            return JSONResponse({"brokers": [], "clusterSize": 1, "gatewayVersion": version})
        if not path.endswith("/search"):
            return Response(status_code=204)
        asked.filters.append((f"/{path.removesuffix('/search')}", (await request.json())["filter"]))
        return JSONResponse({"items": items})

    return app


@contextmanager
def cluster(version: str, folder: Path, *items: Row, log_in: LogIn = "basic") -> Iterator[tuple[Settings, Asked]]:
    """Settings for a cluster that Fairlead logs in to that way, and what it was asked."""
    asked, authority = Asked(), Authority(folder)
    with listening(door(version, log_in, list(items), asked)) as url, token_server(authority.context, 3600) as tokens:
        token: Row = {
            "oauth_client_id": "worker", "oauth_client_secret": "s3cret", "oauth_url": tokens.url,
            "ca_file": authority.file,
        }  # fmt: skip
        yield Settings(zeebe=Zeebe(rest_address=url, **(token if log_in == "token" else {}))), asked
