"""The account's data: records, definitions of properties, owners; and an index that learns of changes later."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

Json = dict[str, Any]

EMAIL = re.compile(r"[^@\s,]+@[^@\s,]+\.[^@\s,.]{2,}")
SINGULAR = {"contacts": "contact", "companies": "company", "deals": "deal", "goal_targets": "goal target"}
CLOSED = {"closedwon", "closedlost"}
STAGES = ["appointmentscheduled", "qualifiedtobuy", "presentationscheduled", "decisionmakerboughtin", "contractsent",
          "closedwon", "closedlost"]  # fmt: skip


class Problem(Exception):
    """An error as HubSpot answers it."""

    def __init__(
        self, status: int, category: str, message: str, *, errors: list[Json] | None = None, **more: Any
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body: Json = {
            "status": "error",
            "message": message,
            "correlationId": "aeb5f871-7f07-4993-9211-075dc63e7cbf",
            "category": category,
            **({"errors": errors} if errors else {}),
            **more,
        }


def stamp(moment: float | None = None) -> str:
    now = datetime.fromtimestamp(time.time() if moment is None else moment, UTC)
    return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def define(name: str, kind: str = "string", *, unique: bool = False, read_only: bool = False, own: bool = True) -> Json:
    return {
        "name": name,
        "label": name.replace("_", " ").title(),
        "type": kind,
        "fieldType": {"number": "number", "bool": "booleancheckbox", "enumeration": "select"}.get(kind, "text"),
        "groupName": "contactinformation",
        "description": "",
        "options": [],
        "hasUniqueValue": unique,
        "hubspotDefined": own,
        "calculated": False,
        "archived": False,
        "modificationMetadata": {"archivable": not own, "readOnlyDefinition": own, "readOnlyValue": read_only},
    }


def _of_deals() -> list[Json]:
    return [
        *(define(name, "bool", read_only=True) for name in ("hs_is_closed", "hs_is_closed_won")),
        define("closedate", "datetime"),
        *(
            define(name, "datetime", read_only=True)
            for name in ("hs_v2_date_entered_current_stage", "notes_last_contacted")
        ),
        define("num_contacted_notes", "number", read_only=True),
    ]


def _standard() -> dict[str, dict[str, Json]]:
    always = [
        define(name, read_only=True)
        for name in ("hs_object_id", "createdate", "lastmodifieddate", "hs_lastmodifieddate")
    ]
    texts = {
        "contacts": "email firstname lastname phone company country website industry message jobtitle lifecyclestage "
        "hs_lead_status hs_analytics_source numemployees city zip",
        "companies": "name domain country phone industry city state",
        "deals": "dealname dealstage pipeline hs_analytics_source",
        "goal_targets": "hs_goal_name hs_goal_type hs_milestone hs_group_correlation_uuid hs_goal_target_group_id",
    }
    numbers = {"contacts": "", "companies": "numberofemployees annualrevenue total_revenue", "deals": "amount",
               "goal_targets": "hs_target_amount"}  # fmt: skip
    return {
        kind: {
            one["name"]: one
            for one in [
                *always,
                define("hubspot_owner_id", "enumeration"),
                *map(define, texts[kind].split()),
                *(define(name, "number") for name in numbers[kind].split()),
                *(_of_deals() if kind == "deals" else []),
                *(
                    define(name, "datetime")
                    for name in ("hs_start_datetime", "hs_end_datetime")
                    if kind == "goal_targets"
                ),
            ]
        }
        for kind in SINGULAR
    }


@dataclass
class Stored:
    id: str
    properties: dict[str, str]
    created: float
    updated: float
    archived: bool = False

    def shown(self, wanted: list[str], defaults: list[str]) -> Json:
        own = {"hs_object_id": self.id, "createdate": stamp(self.created), "lastmodifieddate": stamp(self.updated)}
        values = {**self.properties, **own}
        names = dict.fromkeys([*defaults, *wanted, *own])
        return {
            "id": self.id,
            "properties": {name: values.get(name) or None for name in names},
            "createdAt": stamp(self.created),
            "updatedAt": stamp(self.updated),
            "archived": self.archived,
        }


@dataclass
class Account:
    """One account. `index_seconds`: how much later a search sees a change."""

    index_seconds: float = 0.0
    clock: Callable[[], float] = time.time
    records: dict[str, dict[str, Stored]] = field(default_factory=lambda: {kind: {} for kind in SINGULAR})
    properties: dict[str, dict[str, Json]] = field(default_factory=_standard)
    owners: list[Json] = field(default_factory=list)
    stages: list[str] = field(default_factory=lambda: list(STAGES))
    """Of the one pipeline of deals."""
    links: set[tuple[str, str, str, str]] = field(default_factory=set)
    created_contacts: list[str] = field(default_factory=list)
    """In their order, for webhooks."""
    writes: list[tuple[str, str, Json]] = field(default_factory=list)
    """Kind, id and properties of each write that was made."""
    merged: dict[str, str] = field(default_factory=dict)
    """Ids of records that were merged, and what they were merged into."""
    _numbers: Any = field(default_factory=lambda: count(101))
    _by_value: dict[tuple[str, str, str], Stored] = field(default_factory=dict)
    """The records that have a unique value, so that ten thousand of them can be written."""
    _index: list[tuple[float, str, str, Json]] = field(default_factory=list)

    def prepare(self) -> None:
        """Make the properties that Fairlead keeps for itself, as `fairlead connect check hubspot --create-fields` does."""
        for name in ("fairlead_lead_id", "fairlead_status", "fairlead_change"):
            self.properties["contacts"][name] = define(name, unique=name == "fairlead_lead_id", own=False)
        for name, kind in (
            ("place", "number"),
            ("expected_value", "number"),
            ("next_action", "string"),
            ("why", "string"),
            ("contacted_at", "datetime"),
        ):
            self.properties["deals"][f"fairlead_{name}"] = define(f"fairlead_{name}", kind, own=False)

    def owner(self, email: str, first: str = "", last: str = "") -> str:
        number = str(9_000 + len(self.owners))
        self.owners.append(
            {"id": number, "email": email, "firstName": first, "lastName": last, "type": "PERSON", "userId": int(number),
             "createdAt": stamp(), "updatedAt": stamp(), "archived": False}
        )  # fmt: skip
        return number

    def find(self, kind: str, key: str, id_property: str | None) -> Stored | None:
        if id_property is None:
            while key in self.merged:
                key = self.merged[key]
            found = self.records[kind].get(key)
            return found if found and not found.archived else None
        unique = self.properties[kind].get(id_property, {}).get("hasUniqueValue") or (kind, id_property) == (
            "contacts",
            "email",
        )
        if not unique:
            raise Problem(400, "VALIDATION_ERROR", f"Property {id_property} is not a unique property")
        return self._holder(kind, id_property, key.lower() if id_property == "email" else key)

    def _holder(self, kind: str, name: str, value: str) -> Stored | None:
        found = self._by_value.get((kind, name, value))
        return found if found and not found.archived and found.properties.get(name) == value else None

    def archived(self, kind: str, key: str) -> Stored | None:
        found = self.records[kind].get(key)
        return found if found and found.archived and key not in self.merged else None

    def archive(self, kind: str, key: str) -> None:
        """Somebody deletes a record; it is kept for 90 days."""
        if found := self.find(kind, key, None):
            found.archived = True

    def merge(self, kind: str, primary: str, other: str) -> Stored:
        """A new record, with the values of the primary one, and of the other where that has none."""
        one, two = self.find(kind, primary, None), self.find(kind, other, None)
        if one is None or two is None:
            raise Problem(404, "OBJECT_NOT_FOUND", "resource not found")
        one.archived = two.archived = True
        made = self.create(kind, {**two.properties, **one.properties})
        if kind == "contacts":
            self.created_contacts.remove(made.id)
        self.merged |= {one.id: made.id, two.id: made.id}
        return made

    def edit(self, kind: str, record_id: str, **values: str) -> None:
        """Somebody changes a record in HubSpot itself."""
        self.change(kind, self.records[kind][record_id], values)
        self.writes.pop()

    def create(self, kind: str, properties: Mapping[str, Any]) -> Stored:
        values = self.checked(kind, properties, None)
        now = self.clock()
        made = Stored(str(next(self._numbers)), {}, now, now)
        self.records[kind][made.id] = made
        if kind == "contacts":
            self.created_contacts.append(made.id)
        self._keep(kind, made, values)
        return made

    def change(self, kind: str, record: Stored, properties: Mapping[str, Any]) -> None:
        self._keep(kind, record, self.checked(kind, properties, record))

    def checked(self, kind: str, properties: Mapping[str, Any], record: Stored | None) -> dict[str, str]:
        faults: list[Json] = []
        values: dict[str, str] = {}
        for name, value in properties.items():
            definition = self.properties[kind].get(name)
            if not isinstance(value, str):
                raise Problem(
                    400, "VALIDATION_ERROR", f"Invalid input JSON: Cannot deserialize value of property {name}"
                )
            values[name] = value.lower() if name == "email" else value
            if definition is None:
                faults.append(
                    {"message": f"Property {name} does not exist", "code": "PROPERTY_DOESNT_EXIST", "name": name}
                )
            elif definition["modificationMetadata"]["readOnlyValue"]:
                faults.append({"message": f"{name} is read only", "code": "READ_ONLY_VALUE", "name": name})
            elif name == "email" and value and not EMAIL.fullmatch(value):
                faults.append({"message": f"Email address {value} is invalid", "code": "INVALID_EMAIL", "name": name})
            elif name == "dealstage" and value not in self.stages:
                faults.append({"message": f"{value} is no stage", "code": "INVALID_OPTION", "name": name})
            elif name == "hubspot_owner_id" and value and value not in {owner["id"] for owner in self.owners}:
                faults.append({"message": f"{value} is no owner", "code": "INVALID_OWNER_ID", "name": name})
            elif definition["type"] == "number" and value and not re.fullmatch(r"-?\d+(\.\d+)?", value):
                faults.append({"message": f"{value} was not a valid number.", "code": "INVALID_INTEGER", "name": name})
            elif len(value) > 65_536:
                faults.append({"message": f"{name} is too long", "code": "INVALID_LENGTH", "name": name})
        if faults:
            errors = [
                {"message": one["message"], "code": one["code"], "context": {"propertyName": [one["name"]]}}
                for one in faults
            ]
            raise Problem(400, "VALIDATION_ERROR", f"Property values were not valid: {faults}", errors=errors)
        for name, value in values.items():
            unique = self.properties[kind][name]["hasUniqueValue"] or (kind, name) == ("contacts", "email")
            other = self._holder(kind, name, value) if unique else None
            if unique and value and other is not None and other is not record:
                raise Problem(409, "CONFLICT", f"{SINGULAR[kind].title()} already exists. Existing ID: {other.id}")
        return values

    def _keep(self, kind: str, record: Stored, values: dict[str, str]) -> None:
        record.properties.update(values)
        if kind == "deals" and "dealstage" in values:
            closed, won = (
                str(values["dealstage"] in {"closedwon", one}).lower() for one in ("closedlost", "closedwon")
            )
            record.properties |= {"hs_is_closed": closed, "hs_is_closed_won": won,
                                  "hs_v2_date_entered_current_stage": stamp(self.clock())}  # fmt: skip
        self._by_value |= {(kind, name, value): record for name, value in values.items() if value}
        record.updated = self.clock()
        self.writes.append((kind, record.id, dict(values)))
        self._index.append((self.clock() + self.index_seconds, kind, record.id, dict(record.properties)))

    def indexed(self, kind: str) -> dict[str, Json]:
        now = self.clock()
        return {
            record_id: values
            for at, one, record_id, values in self._index
            if one == kind and at <= now and not self.records[kind][record_id].archived
        }
