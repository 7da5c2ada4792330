"""Camunda's REST API as operators need it: incidents with their place, waiting elements, variables.

Seen on 8.6.0: a fresh incident is PENDING and in no search for ACTIVE ones until Operate has worked on it (10 s or so);
elements with an incident are left out of the search for ACTIVE ones.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar

from workers.engine.rest import CamundaRest
from workers.operations.model import Incident, Json, Stuck
from workers.runtime import discovery

Placed = TypeVar("Placed", Incident, Stuck)

AT_ONCE = 8
"""Questions asked side by side."""

JOB_ELEMENTS = ("SERVICE_TASK", "SEND_TASK", "SCRIPT_TASK")
"""Kinds of elements that wait for a worker."""


class OperationsRest(CamundaRest):
    """The same adapter, asking for more. Every method raises `UnreachableError` or `RestError`."""

    async def open_incidents(self, limit: int) -> list[Incident]:
        """Incidents that wait for somebody, the oldest first; without business ids."""
        sort = [{"field": "creationTime", "order": "ASC"}]
        return [_incident(one) for one in await self._search("incidents", {"state": "ACTIVE"}, limit, sort)]

    async def waiting_elements(self, limit: int) -> list[Stuck]:
        """Elements that wait for a worker and have no incident, the longest first; on 8.6 without their process."""
        what = "flownode-instances" if await self._older_than(8, 8) else "element-instances"
        sort = [{"field": "startDate", "order": "ASC"}]
        found: list[Stuck] = []
        for kind in JOB_ELEMENTS:
            items = await self._search(what, {"state": "ACTIVE", "type": kind}, limit, sort)
            found += [_element(one) for one in items if not (one.get("incident") or one.get("hasIncident"))]
        return sorted(found, key=lambda one: str(one.since))[:limit]

    async def set_variables(self, element_instance_key: int, variables: Mapping[str, Any]) -> None:
        """Set variables where they are seen from an element: in the nearest scope that has them, else the process'."""
        await self._request(
            f"set variables at {element_instance_key}",
            "PUT",
            f"/v2/element-instances/{element_instance_key}/variables",
            {"variables": dict(variables), "local": False},
        )

    async def with_business_ids(self, items: Sequence[Placed]) -> list[Placed]:
        """Add to those without a business id what the instance's variable says."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(item: Placed) -> Placed:
            if item.business_id or not item.process_instance_key:
                return item
            for name in business_id_variables(item.element):
                async with gate:
                    if found := await self._text_variable(item.process_instance_key, name):
                        return replace(item, business_id=found)
            return item

        return list(await asyncio.gather(*(one(item) for item in items)))

    async def _text_variable(self, process_instance_key: int, name: str) -> str:
        operate = await self._older_than(8, 8)
        path = "/v1/variables/search" if operate else "/v2/variables/search"
        key = process_instance_key if operate else str(process_instance_key)
        body: Json = {"filter": {"processInstanceKey": key, "name": name}}
        answer = await self._request(f"search {name}", "POST", path, body)
        values = [json.loads(one["value"]) for one in answer.json()["items"]]
        return next((value for value in values if isinstance(value, str)), "")


@lru_cache
def business_id_variables(element: str) -> tuple[str, ...]:
    """The variables by which tasks name their case: of the task at an element, or of all, if it has none."""
    function = element.partition("__")[0]
    names = discovery.all_job_types()
    chosen = [name for name in names if name.rpartition(".")[2] == function] or names
    return tuple(dict.fromkeys(discovery.find(name).business_id for name in chosen))


def _incident(one: Json) -> Incident:
    element = one.get("elementInstanceKey") or one.get("flowNodeInstanceKey")
    return Incident(
        key=int(one.get("incidentKey") or one["key"]),
        process=str(one.get("processDefinitionId") or one.get("bpmnProcessId") or ""),
        element=str(one.get("elementId") or one.get("flowNodeId") or ""),
        business_id="",
        message=str(one.get("errorMessage") or one.get("message") or ""),
        error_type=str(one.get("errorType") or one.get("type") or ""),
        since=_moment(one.get("creationTime")),
        process_instance_key=int(one["processInstanceKey"]),
        job_key=int(one["jobKey"]) if one.get("jobKey") else None,
        element_instance_key=int(element) if element else None,
    )


def _element(one: Json) -> Stuck:
    return Stuck(
        kind="element",
        key=str(one.get("elementInstanceKey") or one.get("flowNodeInstanceKey")),
        business_id="",
        message="No worker has finished its job: does one run for this task, and is its dependency there?",
        since=_moment(one.get("startDate")),
        process=str(one.get("processDefinitionId") or ""),
        element=str(one.get("elementId") or one.get("flowNodeId") or ""),
        process_instance_key=int(one["processInstanceKey"]),
        process_definition_key=int(one["processDefinitionKey"]),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
