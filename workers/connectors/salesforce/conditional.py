"""Records written each on a condition, 25 in one request: collections and jobs can't have any, the Composite resource can.

https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_composite.htm: each of its
requests has headers of its own, and all count as one towards the limits.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import quote

from workers.connectors.answers import Json, SystemDown, dicts
from workers.connectors.salesforce import answers
from workers.connectors.salesforce.answers import Fault
from workers.connectors.salesforce.client import ROOT, VERSION, WRITES, Kind, SalesforceClient, unmodified_since

TOGETHER: Final = 25
"""Requests that a composite may have."""


async def write(
    client: SalesforceClient,
    kind: Kind,
    records: Mapping[str, Mapping[str, object]],
    unless_changed_since: Mapping[str, datetime],
) -> dict[str, str | Fault]:
    """Write records by their ids; the outcome of each, as `SalesforceClient.upsert`. One that was changed after its moment
    is not written (`Fault.meanwhile`).

    Raises:
        SystemDown, SystemPause, SystemConflict, SystemRefused: as each method of the client.
    """
    done: dict[str, str | Fault] = {}
    given, what = list(records.items()), f"write {kind}"
    for start in range(0, len(given), TOGETHER):
        named = {f"r{number}": one for number, one in enumerate(given[start : start + TOGETHER])}
        asked: Json = {
            "allOrNone": False,
            "compositeRequest": [
                {
                    "method": "PATCH",
                    "url": f"{ROOT}{VERSION}/sobjects/{kind}/{quote(record_id, safe='')}",
                    "referenceId": name,
                    "httpHeaders": {**WRITES, **unmodified_since(unless_changed_since[record_id])},
                    "body": dict(values),
                }
                for name, (record_id, values) in named.items()
            ],
        }
        found = await client.ask("POST", "/composite", what, json=asked)
        if not isinstance(found, dict):
            raise SystemDown(f"Salesforce could not {what}: the answer is no object.")
        for result in dicts(found.get("compositeResponse")):
            outcome, one = answers.of_subrequest(result), named.get(str(result.get("referenceId")))
            if outcome is not None and one is not None:
                done[one[0]] = one[0] if outcome == "done" else outcome
    return done
