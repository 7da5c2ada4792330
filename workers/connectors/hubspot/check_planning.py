"""What planning needs of an account beside lead routing: for companies whose owners are published, for deals."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from workers.connectors.answers import Json, SystemRefused, dicts
from workers.connectors.checking import Finding
from workers.connectors.hubspot.client import HubSpotClient, Kind
from workers.connectors.hubspot.mapping import FieldMapping
from workers.connectors.hubspot.publishing import ID
from workers.connectors.hubspot.quotas import GOAL
from workers.connectors.opportunities.mapping import needed

SCOPES: Mapping[str, Mapping[str, str]] = {
    "territories": {"crm.objects.companies.write": "writes the owners of companies"},
    "quotas": {
        "crm.objects.goals.read": "reads the targets of goals",
        "crm.objects.goals.write": "writes quotas into the targets of goals",
    },
    "opportunities": {"crm.objects.deals.write": "writes what a ranking says of a deal"},
}
"""The rights that a token needs for which planning process, and what for."""


def scopes(uses: Collection[str]) -> dict[str, str]:
    """The rights that a token needs for some planning processes."""
    return {scope: purpose for use in sorted(uses) for scope, purpose in SCOPES.get(use, {}).items()}


def findings(
    mapping: FieldMapping, uses: Collection[str], there: Mapping[Kind, Mapping[str, Json]]
) -> Iterator[Finding]:
    """Whether the properties are there; `there`: the definitions of companies' and deals', by name.

    Raises:
        WrongMapping: a part of it is missing.
    """
    if "territories" in uses:
        key = mapping.territories.account
        one = there["companies"].get(key)
        said = ""
        if one is None:
            said = "Missing. Correct `territories.account` in the mapping."
        elif key != ID and not one.get("hasUniqueValue"):
            said = "Its values must be unique, which can only be said when it is made."
        yield Finding("fields", "wrong" if said else "ok", f"companies.{key}", said or "names accounts in territories")
        for name in sorted(set(mapping.territories.read.values()) - set(mapping.company.values())):
            said = "" if name in there["companies"] else "Missing. Correct the mapping."
            yield Finding("fields", "wrong" if said else "ok", f"companies.{name}", said or "read for territories")
    if "opportunities" in uses:
        deal = needed(mapping.opportunity, "hubspot")
        for name in sorted(deal.fields | set(deal.write.values())):
            definition, ours = there["deals"].get(name), name in deal.write.values()
            said = ""
            if definition is None:
                said = "Missing. " + ("Make it: --create-fields." if ours else "Correct the mapping.")
            elif ours and (definition.get("modificationMetadata") or {}).get("readOnlyValue"):
                said = "It can't be written. Take it out of the mapping."
            yield Finding(
                "fields", "wrong" if said else "ok", f"deals.{name}", said or str((definition or {}).get("type"))
            )


async def goals(client: HubSpotClient, mapping: FieldMapping, year: int) -> list[Finding]:
    """Whether the goals of a year and the next one are there.

    Raises:
        SystemDown, SystemPause: HubSpot can't be asked.
    """
    found = []
    for one in (year, year + 1):
        name = mapping.quota.named(str(one))
        try:
            targets = await client.count("goal_targets", [{"propertyName": GOAL, "operator": "EQ", "value": name}])
        except SystemRefused as error:
            found.append(Finding("fields", "wrong", f"goal {name}", str(error)))
            continue
        said = (
            f"targets: {targets}"
            if targets
            else "Not there: make it in HubSpot before quotas of its year are published."
        )
        found.append(Finding("fields", "ok" if targets else "note", f"goal {name}", said))
    return found


async def stages(client: HubSpotClient, mapping: FieldMapping) -> list[Finding]:
    """Stages of the account's pipelines that the mapping does not know.

    Raises:
        SystemDown, SystemPause, SystemRefused: HubSpot can't be asked.
    """
    known = needed(mapping.opportunity, "hubspot").stages
    body = await client.ask("GET", "/crm/v3/pipelines/deals", "read the pipelines of deals") or {}
    found = []
    for pipeline in dicts(body.get("results")):
        for stage in dicts(pipeline.get("stages")):
            name, closed = str(stage.get("id")), (stage.get("metadata") or {}).get("isClosed")
            if name not in known and str(closed).lower() != "true":
                said = f"{stage.get('label')} is not among `opportunity.stages` of the mapping: deals in it are left alone."
                found.append(Finding("fields", "note", f"stage {name}", said))
    return found
