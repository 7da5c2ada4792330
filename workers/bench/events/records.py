"""When the engine started which process, by its own records as the exporter wrote them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Collection
from typing import Any

from workers.control_room.exported import ExportedRecords, RecordsUnavailable

PROCESS = "lead_routing"
MOST = 10_000
"""Records that one search gives; no run has more events."""
STEP_SECONDS = 1.0


async def started(
    records: ExportedRecords, lead_ids: Collection[str], since: float, seconds: float
) -> dict[str, float]:
    """Lead id → when the process of the lead was activated, in seconds since 1970, of processes that began after `since`.

    Waits `seconds` at most until all of them are there: the exporter writes in batches, and OpenSearch shows them later.

    Raises:
        RecordsUnavailable: they can't be read.
    """
    deadline = time.monotonic() + seconds
    wanted = set(lead_ids)
    while True:
        found: dict[str, float] = {}
        try:
            found = await _started(records, since)
        except RecordsUnavailable:  # an index that was only just made has no shard yet
            if time.monotonic() > deadline:
                raise
        if wanted <= found.keys() or time.monotonic() > deadline:
            return {lead_id: at for lead_id, at in found.items() if lead_id in wanted}
        await asyncio.sleep(STEP_SECONDS)


async def _started(records: ExportedRecords, since: float) -> dict[str, float]:
    begun = {"range": {"timestamp": {"gte": int(since * 1000)}}}
    named = await records.search(
        "variable",
        _all({"term": {"value.name": "lead_id"}}, {"term": {"intent": "CREATED"}}, begun),
        ("value.value", "value.processInstanceKey"),
        MOST,
    )
    activated = await records.search(
        "process-instance",
        _all(
            {"term": {"value.bpmnElementType": "PROCESS"}},
            {"term": {"value.bpmnProcessId": PROCESS}},
            {"term": {"intent": "ELEMENT_ACTIVATED"}},
            begun,
        ),
        ("timestamp", "value.processInstanceKey"),
        MOST,
    )
    times = {one["value"]["processInstanceKey"]: one["timestamp"] / 1000 for one in activated}
    return {
        json.loads(one["value"]["value"]): times[one["value"]["processInstanceKey"]]
        for one in named
        if one["value"]["processInstanceKey"] in times
    }


def _all(*conditions: dict[str, Any]) -> dict[str, Any]:
    return {"bool": {"filter": list(conditions)}}
