"""What a newcomer has to know of a HubSpot account before Fairlead works with it: rights, fields, people, limits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from datetime import UTC, datetime

from workers.connectors import checking
from workers.connectors.answers import Json, SystemRefused, dicts
from workers.connectors.checking import Finding
from workers.connectors.hubspot import check_planning
from workers.connectors.hubspot.client import HubSpotClient, Kind
from workers.connectors.hubspot.mapping import FieldMapping
from workers.connectors.hubspot.owners import email_of
from workers.connectors.opportunities.mapping import NUMBERS, needed

SCOPES = {
    "crm.objects.contacts.read": "reads contacts: a lead's owner, new contacts",
    "crm.objects.contacts.write": "writes a lead's owner and status",
    "crm.objects.companies.read": "finds the account of a lead",
    "crm.objects.companies.write": "associates a contact with its company",
    "crm.objects.deals.read": "counts an account's open deals",
    "crm.objects.owners.read": "knows who is who",
}
"""The rights that a token needs, and what for."""

GROUP = "contactinformation"


async def check(
    client: HubSpotClient, mapping: FieldMapping, reps: Collection[str] | None, uses: Collection[str] = ()
) -> AsyncIterator[Finding]:
    """Look at the account without changing anything; `reps` are the e-mail addresses of our reps, None: not known; `uses` the
    planning processes that it stands behind.

    Raises:
        SystemDown, SystemPause, SystemRefused: HubSpot can't be asked at all.
        WrongMapping: a part of the mapping is missing.
    """
    account = await client.ask("GET", "/account-info/v3/details", "read the account") or {}
    currency = account.get("companyCurrency")
    yield Finding(
        "account", "ok", str(account.get("portalId", "?")), f"{account.get('timeZone', '?')}, {currency or '?'}"
    )
    if "annual_revenue_eur" in mapping.company and currency != "EUR":
        said = f"The account counts in {currency}: take annual_revenue_eur out of the mapping."
        yield Finding("account", "wrong", "currency", said)
    async for finding in _rights(client, SCOPES | check_planning.scopes(uses)):
        yield finding
    wanted: dict[Kind, set[str]] = {
        "contacts": mapping.of_lead(),
        "companies": mapping.of_company(),
    }
    for kind, names in wanted.items():
        async for finding in _fields(client, kind, names, mapping):
            yield finding
    if uses:
        kinds: tuple[Kind, ...] = ("companies", "deals")
        there = {kind: await _definitions(client, kind) for kind in kinds}
        for finding in check_planning.findings(mapping, uses, there):
            yield finding
    if "quotas" in uses:
        for finding in await check_planning.goals(client, mapping, datetime.now(UTC).year):
            yield finding
    if "opportunities" in uses:
        for finding in await check_planning.stages(client, mapping):
            yield finding
    async for finding in _people(client, reps):
        yield finding
    for finding in _limits(client):
        yield finding


async def create_fields(client: HubSpotClient, mapping: FieldMapping, uses: Collection[str] = ()) -> list[str]:
    """Make the properties that Fairlead keeps for itself, where they are missing; the names of those made. `uses`: the planning
    processes that HubSpot stands behind.

    Raises:
        SystemRefused: the token may not; it needs the scope crm.schemas.contacts.write, for deals crm.schemas.deals.write.
        WrongMapping: a part of the mapping is missing.
    """
    wanted: dict[Kind, dict[str, Json]] = {
        "contacts": {
            name: _property(field, name, GROUP) | {"hasUniqueValue": field == "lead_id"}
            for field, name in mapping.keeps.model_dump().items()
        }
    }
    if "opportunities" in uses:
        ranking = needed(mapping.opportunity, "hubspot").write
        wanted["deals"] = {name: _property(field, name, "dealinformation") for field, name in ranking.items()}
    made = []
    for kind, properties in wanted.items():
        there = await _definitions(client, kind)
        for name, asked in properties.items():
            if name not in there:
                await client.ask("POST", f"/crm/v3/properties/{kind}", f"make properties of {kind}", json=asked)
                made.append(name)
    return made


def _property(field: str, name: str, group: str) -> Json:
    kind, shown = ("datetime", "date") if field == "contacted_at" else ("string", "text")
    if field in NUMBERS:
        kind = shown = "number"
    return {
        "name": name,
        "label": f"Fairlead {field.replace('_', ' ')}",
        "description": "Kept by Fairlead; leave it as it is.",
        "type": kind,
        "fieldType": shown,
        "groupName": group,
    }


async def _rights(client: HubSpotClient, wanted: Mapping[str, str]) -> AsyncIterator[Finding]:
    scopes = await client.scopes()
    for scope, purpose in wanted.items():
        missing = f"Missing. Give it to the private app: Fairlead {purpose}."
        yield Finding("rights", "ok", scope, purpose) if scope in scopes else Finding("rights", "wrong", scope, missing)


async def _fields(
    client: HubSpotClient, kind: Kind, names: Collection[str], mapping: FieldMapping
) -> AsyncIterator[Finding]:
    try:
        there = await _definitions(client, kind)
    except SystemRefused as error:
        yield Finding("fields", "wrong", kind, str(error))
        return
    for name in sorted(names):
        said = ""
        definition = there.get(name)
        if definition is None:
            said = "Missing. " + ("Make it: --create-fields." if name in mapping.own else "Correct the mapping.")
        elif kind == "contacts" and name == mapping.keeps.lead_id and not definition.get("hasUniqueValue"):
            said = "Its values must be unique, which can only be said when it is made. Make another, and name it in the mapping."
        elif (
            kind == "contacts"
            and name in mapping.written
            and (definition.get("modificationMetadata") or {}).get("readOnlyValue")
        ):
            said = "It can't be written. Set `write: never` in the mapping."
        yield Finding(
            "fields", "wrong" if said else "ok", f"{kind}.{name}", said or str((definition or {}).get("type"))
        )


async def _people(client: HubSpotClient, reps: Collection[str] | None) -> AsyncIterator[Finding]:
    try:
        owners = {email_of(owner) for owner in await client.owners()} - {""}
    except SystemRefused as error:
        yield Finding("people", "wrong", "owners", str(error))
        return
    for finding in checking.people("HubSpot", owners, reps):
        yield finding


def _limits(client: HubSpotClient) -> list[Finding]:
    known = client.pace.limits
    found = []
    if "max" in known:
        seconds = known.get("interval-milliseconds", 10_000) / 1_000
        found.append(
            Finding("limits", "ok", "requests", f"{known['max']} in {seconds:g} s, {known.get('remaining', '?')} left")
        )
    if "daily" in known:
        found.append(checking.day(known.get("daily-remaining", 0), known["daily"]))
    return found or [Finding("limits", "note", "requests", "HubSpot said nothing of its limits.")]


async def _definitions(client: HubSpotClient, kind: Kind) -> dict[str, Json]:
    body = await client.ask("GET", f"/crm/v3/properties/{kind}", f"read the properties of {kind}") or {}
    return {str(one.get("name")): one for one in dicts(body.get("results"))}
