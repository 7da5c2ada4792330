"""The kinds of records, and their fields as a description shows them."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

PREFIXES = {
    "Lead": "00Q", "Account": "001", "Opportunity": "006", "User": "005", "Group": "00G", "Organization": "00D",
    "ForecastingQuota": "0J9", "ForecastingType": "0Db", "Period": "026",
    "PermissionSet": "0PS", "FieldPermissions": "01k", "PermissionSetAssignment": "0Pa", "CustomField": "00N",
}  # fmt: skip

STAGES = ("Prospecting", "Qualification", "Needs Analysis", "Value Proposition", "Id. Decision Makers", "Perception Analysis",
          "Proposal/Price Quote", "Negotiation/Review", "Closed Won", "Closed Lost")  # fmt: skip
FILTERABLE = {"string", "email", "phone", "url", "picklist", "boolean", "int", "double", "currency", "date", "datetime",
              "reference", "id"}  # fmt: skip
"""Long texts can't stand in a condition."""


def define(
    name: str,
    kind: str = "string",
    length: int = 0,
    *,
    required: bool = False,
    read_only: bool = False,
    refers: tuple[str, ...] = (),
    **more: Any,
) -> Json:
    return {
        "name": name,
        "label": name.removesuffix("__c").replace("_", " "),
        "type": kind,
        "length": length,
        "createable": not read_only,
        "updateable": not read_only,
        "nillable": not required,
        "defaultedOnCreate": False,
        "unique": False,
        "externalId": False,
        "idLookup": name in {"Id", "Email"},
        "caseSensitive": False,
        "filterable": kind in FILTERABLE,
        "custom": name.endswith("__c"),
        "referenceTo": list(refers),
        **more,
    }


def _audited(*fields: Json) -> dict[str, Json]:
    own = [
        define("Id", "id", 18, read_only=True),
        define("IsDeleted", "boolean", read_only=True),
        *(define(name, "datetime", read_only=True) for name in ("CreatedDate", "LastModifiedDate", "SystemModstamp")),
        *(
            define(name, "reference", 18, read_only=True, refers=("User",))
            for name in ("CreatedById", "LastModifiedById")
        ),
    ]
    return {field["name"]: field for field in [*own, *fields]}


def _owner(*refers: str) -> Json:
    return define("OwnerId", "reference", 18, required=True, refers=refers, defaultedOnCreate=True)


def standard() -> dict[str, dict[str, Json]]:
    """What every organisation has, by kind and field."""
    return {
        "Lead": _audited(
            define("LastName", length=80, required=True),
            define("FirstName", length=40),
            define("Name", length=121, read_only=True),
            define("Company", length=255, required=True),
            define("Title", length=128),
            define("Email", "email", 80),
            define("Phone", "phone", 40),
            define("Website", "url", 255),
            define("Country", length=80),
            define("City", length=40),
            define("Industry", "picklist", 255),
            define("LeadSource", "picklist", 255),
            define("Rating", "picklist", 255),
            define("Status", "picklist", 255, required=True, defaultedOnCreate=True),
            define("Description", "textarea", 32_000),
            define("NumberOfEmployees", "int"),
            define("IsConverted", "boolean", read_only=True),
            define("MasterRecordId", "reference", 18, read_only=True, refers=("Lead",)),
            _owner("Group", "User"),
        ),
        "Account": _audited(
            define("Name", length=255, required=True),
            define("Website", "url", 255),
            define("Phone", "phone", 40),
            define("BillingCountry", length=80),
            define("BillingState", length=80),
            *(define(name, "double") for name in ("BillingLatitude", "BillingLongitude")),
            define("Industry", "picklist", 255),
            define("NumberOfEmployees", "int"),
            define("AnnualRevenue", "currency"),
            define("ParentId", "reference", 18, refers=("Account",)),
            _owner("User"),
        ),
        "Opportunity": _audited(
            define("Name", length=120, required=True),
            define(
                "StageName",
                "picklist",
                255,
                required=True,
                picklistValues=[{"value": one, "label": one, "active": True} for one in STAGES],
            ),
            define("CloseDate", "date", required=True),
            define("AccountId", "reference", 18, refers=("Account",)),
            define("Amount", "currency"),
            define("LeadSource", "picklist", 255),
            *(define(name, "boolean", read_only=True) for name in ("IsClosed", "IsWon")),
            define("LastActivityDate", "date", read_only=True),
            define("LastStageChangeDate", "datetime", read_only=True),
            _owner("User"),
        ),
        "User": _audited(
            *(define(name, length=80, required=True) for name in ("Username", "LastName")),
            define("Email", "email", 128, required=True),
            define("FirstName", length=40),
            define("Name", length=121, read_only=True),
            define("UserType", "picklist", 40, read_only=True),
            *(define(name, "boolean") for name in ("IsActive", "ForecastEnabled")),
        ),
        "ForecastingQuota": _audited(
            define("QuotaOwnerId", "reference", 18, required=True, refers=("User",), defaultedOnCreate=True),
            define("ForecastingTypeId", "reference", 18, required=True, refers=("ForecastingType",), updateable=False),
            define("StartDate", "date", required=True),
            define("QuotaAmount", "currency", required=True, defaultedOnCreate=True),
            define("QuotaQuantity", "double", required=True, defaultedOnCreate=True),
            *(define(name, "boolean", read_only=True) for name in ("IsAmount", "IsQuantity")),
            define("ProductFamily", "picklist", 255, updateable=False),
            define("PeriodId", "reference", 18, read_only=True, refers=("Period",)),
        ),
        "ForecastingType": _audited(
            *(define(name, length=80, read_only=True) for name in ("DeveloperName", "MasterLabel")),
            *(
                define(name, "boolean", read_only=True)
                for name in ("IsActive", "IsAmount", "IsQuantity", "HasProductFamily")
            ),
            *(define(name, "picklist", 40, read_only=True) for name in ("RoleType", "DateType")),
        ),
        "Period": _audited(
            define("Type", "picklist", 40, read_only=True),
            *(define(name, "date", read_only=True) for name in ("StartDate", "EndDate")),
            define("IsForecastPeriod", "boolean", read_only=True),
        ),
        "Group": _audited(*(define(name, length=80) for name in ("Name", "DeveloperName", "Type"))),
        "Organization": _audited(
            *(define(name, length=80, read_only=True) for name in ("Name", "OrganizationType")),
            define("IsSandbox", "boolean", read_only=True),
        ),
        "PermissionSet": _audited(*(define(name, length=80, required=True) for name in ("Name", "Label"))),
        "FieldPermissions": _audited(
            define("ParentId", "reference", 18, required=True, refers=("PermissionSet",)),
            *(define(name, length=80, required=True) for name in ("SobjectType", "Field")),
            *(define(name, "boolean", required=True) for name in ("PermissionsRead", "PermissionsEdit")),
        ),
        "PermissionSetAssignment": _audited(
            define("PermissionSetId", "reference", 18, required=True, refers=("PermissionSet",)),
            define("AssigneeId", "reference", 18, required=True, refers=("User",)),
        ),
    }


def kept() -> dict[str, Json]:
    """The fields of a lead that Fairlead keeps for itself."""
    return {
        field["name"]: field
        for field in (
            define("Fairlead_Lead_Id__c", length=255, unique=True, externalId=True, caseSensitive=True, idLookup=True),
            define("Fairlead_Status__c", length=255),
            define("Fairlead_Change__c", length=255),
            define("Fairlead_Account__c", "reference", 18, refers=("Account",)),
        )
    }


def ranking() -> dict[str, Json]:
    """The fields of an opportunity that a ranking fills, as `kept` has them."""
    return {
        field["name"]: field
        for field in (
            define("Fairlead_Place__c", "double"),
            define("Fairlead_Expected_Value__c", "double"),
            define("Fairlead_Next_Action__c", length=255),
            define("Fairlead_Why__c", length=255),
            define("Fairlead_Contacted_At__c", "datetime"),
        )
    }


def identifier(prefix: str, number: int) -> str:
    """An id of 18 characters: 15, and three that tell which of them are capitals."""
    short = f"{prefix}5g00000{number:05d}"[:15]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
    parts = (short[start : start + 5] for start in (0, 5, 10))
    return short + "".join(alphabet[sum(one.isupper() << place for place, one in enumerate(part))] for part in parts)
