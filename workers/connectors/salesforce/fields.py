"""Making the fields of a lead that Fairlead keeps for itself, and giving our user the right to them.

By the Tooling API, whose new fields nobody may see at first: a permission set opens them.
https://developer.salesforce.com/docs/atlas.en-us.api_tooling.meta/api_tooling/tooling_api_objects_customfield.htm
"""

from __future__ import annotations

from workers.connectors.answers import Json, SystemRefused, dicts
from workers.connectors.salesforce import soql
from workers.connectors.salesforce.client import SalesforceClient
from workers.connectors.salesforce.mapping import FieldMapping

PERMISSION_SET = "Fairlead"

LENGTH = 255
"""Characters of a text; the most that may have unique values."""

_TAKEN = "DUPLICATE_DEVELOPER_NAME"


async def create_fields(client: SalesforceClient, mapping: FieldMapping) -> list[str]:
    """Make the fields that our user does not see, and open them; the names of those opened.

    Raises:
        SystemRefused: our user may not; it needs the permissions Customize Application and Manage Profiles and Permission
            Sets, or an administrator makes them.
    """
    described = await client.describe("Lead")
    seen = {str(one.get("name")) for one in dicts(described.get("fields"))}
    missing = {field: name for field, name in mapping.keeps.model_dump().items() if name not in seen}
    if not missing:
        return []
    for field, name in missing.items():
        await _make(client, field, name)
    opening = await _permission_set(client)
    for name in missing.values():
        right = {
            "ParentId": opening,
            "SobjectType": "Lead",
            "Field": f"Lead.{name}",
            "PermissionsRead": True,
            "PermissionsEdit": True,
        }
        await client.create("/sobjects/FieldPermissions", f"open the field {name}", right)
    return list(missing.values())


async def _make(client: SalesforceClient, field: str, name: str) -> None:
    label = f"Fairlead {field.replace('_', ' ')}"
    metadata: Json = {"label": label, "description": "Kept by Fairlead; leave it as it is."}
    if field == "account":
        metadata |= {"type": "Lookup", "referenceTo": "Account", "relationshipName": "Fairlead_Leads"}
    else:
        metadata |= {"type": "Text", "length": LENGTH}
    if field == "lead_id":
        metadata |= {"externalId": True, "unique": True, "caseSensitive": True}
    asked = {"FullName": f"Lead.{name}", "Metadata": metadata}
    try:
        await client.create("/tooling/sobjects/CustomField", f"make the field {name}", asked)
    except SystemRefused as error:
        if _TAKEN not in str(error):  # it is there, and only not seen
            raise


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
