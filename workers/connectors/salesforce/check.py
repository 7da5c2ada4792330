"""What a newcomer has to know of an organisation before Fairlead works with it: rights, fields, people, limits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from workers.connectors import checking
from workers.connectors.answers import Json, SystemRefused
from workers.connectors.checking import Finding
from workers.connectors.outbound import AddressRefused
from workers.connectors.salesforce import check_planning, check_quotas, owners, quotas, soql
from workers.connectors.salesforce.client import Kind, SalesforceClient
from workers.connectors.salesforce.mapping import FieldMapping

if TYPE_CHECKING:
    from workers.connectors.salesforce.pubsub import PubSub

RIGHTS: Mapping[Kind, tuple[tuple[str, str], ...]] = {
    "Lead": (
        ("queryable", "reads leads: their owners, new ones"),
        ("createable", "makes a lead that Salesforce does not have"),
        ("updateable", "writes a lead's owner and status"),
    ),
    "Account": (("queryable", "finds the account of a lead"),),
    "Opportunity": (("queryable", "counts an account's open opportunities"),),
    "User": (("queryable", "knows who is who"),),
}
"""What our user must be able to do with which records, as a description says it, and what for."""

LIMITS: Mapping[str, str] = {
    "DailyApiRequests": "requests a day",
    "DailyBulkV2QueryJobs": "Bulk 2.0 query jobs a day",
    "DailyBulkV2QueryFileStorageMB": "MB of Bulk 2.0 results a day",
    "DailyBulkApiBatches": "Bulk batches a day",
    "DailyDeliveredPlatformEvents": "events delivered a day",
}
"""What Salesforce says of its limits, and what that is; an edition may lack some."""


async def check(
    client: SalesforceClient, mapping: FieldMapping, reps: Collection[str] | None, uses: Collection[str] = ()
) -> AsyncIterator[Finding]:
    """Look at the organisation without changing anything; `reps` are the e-mail addresses of our reps, None: not known; `uses`
    the planning processes that it stands behind.

    Raises:
        SystemDown, SystemPause, SystemRefused: Salesforce can't be asked at all.
        WrongMapping: a part of the mapping is missing.
    """
    asked = soql.select({"Id", "Name", "OrganizationType", "IsSandbox"}, "Organization", "Id != null")
    for org in await client.query(asked):
        kind = "sandbox" if org.get("IsSandbox") == "true" else "production"
        yield Finding("account", "ok", org.get("Name") or org.id, f"{org.get('OrganizationType')}, {kind}")
    if "annual_revenue_eur" in mapping.account:
        said = "Only if the organisation's currency is the euro: see Setup → Company Information."
        yield Finding("account", "note", "annual_revenue_eur", said)
    wanted: dict[Kind, set[str]] = {"Lead": mapping.of_lead(), "Account": mapping.of_company()}
    seen: dict[str, Json] = {}
    for record in dict.fromkeys([*RIGHTS, *check_planning.kinds(uses)]):
        seen[record] = described = await _described(client, record)
        for finding in _rights(record, described, (*RIGHTS.get(record, ()), *check_planning.rights(record, uses))):
            yield finding
        for name in sorted(wanted.get(record, ())):
            yield _field(record, name, check_planning.fields(described).get(name), mapping)
    for finding in check_planning.findings(mapping, uses, seen):
        yield finding
    if "quotas" in uses:
        async for finding in check_quotas.findings(client, mapping.quota, seen[quotas.QUOTA], reps):
            yield finding
    people = {one.email for one in (await owners.users(client)).values()} - {""}
    for finding in checking.people("Salesforce", people, reps):
        yield finding
    if mapping.queue is not None:
        yield await _queue(client, mapping.queue)
    for finding in _limits(await client.ask("GET", "/limits", "read the limits")):
        yield finding


async def check_events(bus: PubSub, topic: str) -> Finding:
    """Whether Salesforce would tell us what changes.

    Raises:
        SystemDown, SystemPause: the event bus can't be asked at all.
    """
    try:
        if await bus.can_subscribe(topic):
            return Finding("rights", "ok", topic, "is told of what changes (Change Data Capture)")
    except (SystemRefused, AddressRefused) as error:
        return Finding("rights", "wrong", topic, str(error))
    return Finding("rights", "wrong", topic, "Our user may not subscribe to it: give it View All on Lead.")


def _rights(record: Kind, described: Json, rights: tuple[tuple[str, str], ...]) -> list[Finding]:
    return [
        Finding("rights", "ok", f"{record} {right}", purpose)
        if described.get(right) is True
        else Finding(
            "rights", "wrong", f"{record} {right}", f"Missing. Give it by a permission set: Fairlead {purpose}."
        )
        for right, purpose in rights
    ]


def _field(record: Kind, name: str, field: Json | None, mapping: FieldMapping) -> Finding:
    said = ""
    if field is None:
        mine = record == "Lead" and name in mapping.own
        said = "Missing, or our user can't see it. " + (
            "Make it, with the right to it: --create-fields."
            if mine
            else "Correct the mapping, or give the right to it."
        )
    elif record == "Lead" and name == mapping.keeps.lead_id and not (field.get("externalId") and field.get("unique")):
        said = "It must be an external id with unique values: tick both in Setup → Object Manager → Lead."
    elif record == "Lead" and name in mapping.written and not (field.get("updateable") and field.get("createable")):
        said = "Our user can't write it. Give the right to edit it, or set `write: never` in the mapping."
    elif record == "Lead" and name == mapping.keeps.account and field.get("referenceTo") != ["Account"]:
        said = "It must be a lookup of accounts. Make another, and name it in the mapping."
    return Finding("fields", "wrong" if said else "ok", f"{record}.{name}", said or str((field or {}).get("type")))


async def _queue(client: SalesforceClient, name: str) -> Finding:
    try:
        await owners.queue(client, name)
    except SystemRefused as error:
        return Finding("people", "wrong", name, str(error))
    return Finding("people", "ok", name, "The queue of leads that nobody owns.")


def _limits(body: object) -> Iterator[Finding]:
    for name, what in LIMITS.items():
        limit: Any = body.get(name) if isinstance(body, dict) else None
        most, left = (limit.get("Max"), limit.get("Remaining")) if isinstance(limit, dict) else (None, None)
        if isinstance(most, int) and isinstance(left, int):
            yield checking.day(left, most, what)
        elif name == "DailyApiRequests":
            yield Finding("limits", "note", what, "Salesforce said nothing of its limits.")


async def _described(client: SalesforceClient, record: Kind) -> Json:
    try:
        return await client.describe(record)
    except SystemRefused:  # who has no right at all is told that there is no such thing
        return {}
