"""What planning needs of an organisation beside lead routing: for accounts whose owners are published, for opportunities."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from workers.connectors.answers import Json, dicts
from workers.connectors.checking import Finding
from workers.connectors.opportunities.mapping import needed
from workers.connectors.salesforce.client import Kind
from workers.connectors.salesforce.mapping import FieldMapping
from workers.connectors.salesforce.publishing import ID

RIGHTS: Mapping[str, Mapping[Kind, tuple[tuple[str, str], ...]]] = {
    "territories": {"Account": (("updateable", "writes the owners of accounts (Transfer Record too)"),)},
    "quotas": {
        "ForecastingQuota": (
            ("queryable", "reads quotas (View All Forecasts too)"),
            ("createable", "makes a quota that Salesforce does not have (Manage Quotas)"),
            ("updateable", "writes quotas"),
            ("deletable", "takes back a quota that it made"),
        ),
        "ForecastingType": (("queryable", "knows which forecast has the quotas"),),
        "Period": (("queryable", "knows the months and quarters of the fiscal year"),),
    },
    "opportunities": {"Opportunity": (("updateable", "writes what a ranking says of an opportunity"),)},
}
"""What our user must be able to do for which planning process, by kind of record."""


def kinds(uses: Collection[str]) -> list[Kind]:
    """Kinds of records that our user must be able to do something with for some planning processes."""
    return list(dict.fromkeys(kind for use in sorted(uses) for kind in RIGHTS.get(use, {})))


def rights(kind: Kind, uses: Collection[str]) -> tuple[tuple[str, str], ...]:
    """What else our user must be able to do with a kind of record."""
    return tuple(right for use in sorted(uses) for right in RIGHTS.get(use, {}).get(kind, ()))


def findings(mapping: FieldMapping, uses: Collection[str], described: Mapping[str, Json]) -> Iterator[Finding]:
    """Whether the fields are there; `described`: what Salesforce says of accounts and opportunities.

    Raises:
        WrongMapping: a part of it is missing.
    """
    if "territories" in uses:
        there = fields(described["Account"])
        yield _written("Account", mapping.owner, there.get(mapping.owner))
        key = mapping.territories.account
        one = there.get(key)
        said = ""
        if one is None:
            said = "Missing, or our user can't see it. Correct `territories.account` in the mapping, or give the right to it."
        elif key != ID and not one.get("externalId"):
            said = "It must be an external id, best with unique values: tick both in Setup → Object Manager → Account."
        yield Finding("fields", "wrong" if said else "ok", f"Account.{key}", said or "names accounts in territories")
        for name in sorted(set(mapping.territories.read.values()) - set(mapping.account.values())):
            yield _read("Account", name, there)
    if "opportunities" in uses:
        opportunity = needed(mapping.opportunity, "salesforce")
        there = fields(described["Opportunity"])
        for name in sorted(opportunity.fields - set(opportunity.write.values())):
            said = (
                ""
                if name in there
                else "Missing, or our user can't see it. Correct the mapping, or give the right to it."
            )
            kind = str(there.get(name, {}).get("type"))
            yield Finding("fields", "wrong" if said else "ok", f"Opportunity.{name}", said or kind)
        for name in sorted(opportunity.write.values()):
            yield _written("Opportunity", name, there.get(name))
        values = dicts(there.get("StageName", {}).get("picklistValues"))
        open_ = [str(one.get("value")) for one in values if one.get("active") is not False]
        yield from _stages(open_, opportunity.stages)


def fields(described: Json) -> dict[str, Json]:
    """The fields of a description, by name."""
    return {str(one.get("name")): one for one in dicts(described.get("fields"))}


def _read(kind: str, name: str, there: Mapping[str, Json]) -> Finding:
    said = "" if name in there else "Missing, or our user can't see it. Correct the mapping, or give the right to it."
    return Finding("fields", "wrong" if said else "ok", f"{kind}.{name}", said or str(there.get(name, {}).get("type")))


def _written(kind: str, name: str, field: Json | None) -> Finding:
    said = ""
    if field is None:
        said = "Missing, or our user can't see it. Make it, with the right to it: --create-fields."
    elif not field.get("updateable"):
        said = "Our user can't write it. Give the right to edit it, or take it out of the mapping."
    return Finding("fields", "wrong" if said else "ok", f"{kind}.{name}", said or str((field or {}).get("type")))


def _stages(there: Iterable[str], stages: Collection[str]) -> Iterator[Finding]:
    for name in there:
        if name not in stages:
            said = (
                "Not among `opportunity.stages` of the mapping: opportunities in it are left alone, as closed ones are."
            )
            yield Finding("fields", "note", f"stage {name}", said)
