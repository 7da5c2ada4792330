"""Making the fields that Fairlead keeps for itself, and giving our user the right to them.

By the Tooling API, whose new fields nobody may see at first: a permission set opens them.
https://developer.salesforce.com/docs/atlas.en-us.api_tooling.meta/api_tooling/tooling_api_objects_customfield.htm
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from workers.connectors.answers import Json, SystemRefused, dicts
from workers.connectors.opportunities.mapping import NUMBERS, RankingField, needed
from workers.connectors.salesforce import soql
from workers.connectors.salesforce.client import Kind, SalesforceClient
from workers.connectors.salesforce.mapping import FieldMapping

PERMISSION_SET = "Fairlead"

LENGTH = 255
"""Characters of a text; the most that may have unique values."""

KEPT = "Kept by Fairlead; leave it as it is."

_TAKEN = "DUPLICATE_DEVELOPER_NAME"


async def create_fields(client: SalesforceClient, mapping: FieldMapping, uses: Collection[str] = ()) -> list[str]:
    """Make the fields that our user does not see, and open them; the names of those opened. `uses`: the planning processes
    that Salesforce stands behind.

    Raises:
        SystemRefused: our user may not; it needs the permissions Customize Application and Manage Profiles and Permission
            Sets, or an administrator makes them.
        WrongMapping: a part of the mapping is missing.
    """
    wanted: dict[Kind, dict[str, Json]] = {
        "Lead": {name: _of_lead(field) for field, name in mapping.keeps.model_dump().items()}
    }
    if "opportunities" in uses:
        ranking = needed(mapping.opportunity, "salesforce").write
        wanted["Opportunity"] = {name: _of_ranking(field) for field, name in ranking.items()}
    made: list[str] = []
    for kind, fields in wanted.items():
        described = await client.describe(kind)
        seen = {str(one.get("name")) for one in dicts(described.get("fields"))}
        missing = {name: metadata for name, metadata in fields.items() if name not in seen}
        for name, metadata in missing.items():
            await _make(client, kind, name, metadata)
        if missing:
            await _open(client, kind, missing)
        made += missing
    return made


def _of_lead(field: str) -> Json:
    metadata: Json = {"label": f"Fairlead {field.replace('_', ' ')}", "description": KEPT}
    if field == "account":
        return metadata | {"type": "Lookup", "referenceTo": "Account", "relationshipName": "Fairlead_Leads"}
    metadata |= {"type": "Text", "length": LENGTH}
    return metadata | ({"externalId": True, "unique": True, "caseSensitive": True} if field == "lead_id" else {})


def _of_ranking(field: RankingField) -> Json:
    metadata: Json = {"label": f"Fairlead {field.replace('_', ' ')}", "description": KEPT}
    if field == "contacted_at":
        return metadata | {"type": "DateTime"}
    if field in NUMBERS:
        return metadata | {"type": "Number", "precision": 18, "scale": 0 if field == "place" else 2}
    return metadata | {"type": "Text", "length": LENGTH}


async def _make(client: SalesforceClient, kind: Kind, name: str, metadata: Json) -> None:
    asked = {"FullName": f"{kind}.{name}", "Metadata": metadata}
    try:
        await client.create("/tooling/sobjects/CustomField", f"make the field {name}", asked)
    except SystemRefused as error:
        if _TAKEN not in str(error):  # it is there, and only not seen
            raise


async def _open(client: SalesforceClient, kind: Kind, names: Iterable[str]) -> None:
    opening = await _permission_set(client)
    for name in names:
        right = {
            "ParentId": opening,
            "SobjectType": kind,
            "Field": f"{kind}.{name}",
            "PermissionsRead": True,
            "PermissionsEdit": True,
        }
        await client.create("/sobjects/FieldPermissions", f"open the field {name}", right)


async def _permission_set(client: SalesforceClient) -> str:
    """The id of our permission set, which our user has."""
    user = (await client.session()).user_id
    found = await client.query(soql.select({"Id"}, "PermissionSet", f"Name = {soql.text(PERMISSION_SET)}"))
    if found:
        opening = found[0].id
    else:
        made: Json = {"Name": PERMISSION_SET, "Label": PERMISSION_SET}
        opening = await client.create("/sobjects/PermissionSet", "make a permission set", made)
    where = f"PermissionSetId = {soql.text(opening)} AND AssigneeId = {soql.text(user)}"
    if not await client.query(soql.select({"Id"}, "PermissionSetAssignment", where)):
        given: Json = {"PermissionSetId": opening, "AssigneeId": user}
        await client.create("/sobjects/PermissionSetAssignment", "give our user the permission set", given)
    return opening
