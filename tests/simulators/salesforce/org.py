"""The organisation's data: records, users, queues, rules; and who may see which fields."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

from tests.simulators.salesforce import forecasts, schema, soql
from tests.simulators.salesforce.problems import Problem
from tests.simulators.salesforce.schema import Json

EMAIL = re.compile(r"[^@\s,]+@[^@\s,]+\.[^@\s,.]{2,}")
CLOSED = {"Closed Won", "Closed Lost"}

_TYPES: dict[str, tuple[type, ...]] = {
    "boolean": (bool,), "int": (int,), "double": (int, float), "currency": (int, float),
}  # fmt: skip


def moment(value: str | None) -> int | None:
    """A date and time of a request, as it is kept."""
    try:
        return int(datetime.fromisoformat(value).timestamp()) if value else None
    except ValueError:
        raise Problem(400, "JSON_PARSER_ERROR", f"Cannot deserialize instance of datetime from {value!r}") from None


@dataclass
class Org:
    """One organisation; `user` is who logs in, Fairlead's integration user."""

    clock: Callable[[], float] = time.time
    fields: dict[str, dict[str, Json]] = field(default_factory=schema.standard)
    records: dict[str, dict[str, Json]] = field(default_factory=lambda: {kind: {} for kind in schema.PREFIXES})
    forbidden: set[tuple[str, str]] = field(default_factory=set)
    """Kinds, and rights that the user lacks: queryable, createable, updateable, deletable."""
    assigns_to: str | None = None
    """Whom the active assignment rule gives each lead that is made or changed."""
    duplicate_rule: str | None = None
    """What it does with a second lead of one address: alert, or block."""
    slow_seconds: float = 0.0
    """For which a write has the record and its account in hand."""
    locks: Counter[str] = field(default_factory=Counter)
    """For ids of records: how often others still have them in hand."""
    guarded: set[str] = field(default_factory=set)
    """Ids of records that a validation rule lets nobody change, or make something for."""
    writes: list[tuple[str, str, Json]] = field(default_factory=list)
    """Kind, id and values of each write through the door."""
    tell: Callable[[str, str, Json, set[str], bool], None] | None = None
    """Who is told of a kind of record, what happened, the record, the changed fields, and whether by the API."""
    _numbers: Any = field(default_factory=lambda: count(101))
    _by_value: dict[tuple[str, str, str], set[str]] = field(default_factory=dict)
    """Which records ever got a value."""

    def __post_init__(self) -> None:
        self.user = self.person("integration@example.com", "Fairlead")
        self.org_id = self.put(
            "Organization", Name="Acme Iberia", OrganizationType="Enterprise Edition", IsSandbox=True
        )["Id"]

    def person(self, email: str, last: str, first: str = "", **more: Any) -> str:
        """A user's id."""
        values = {"Username": f"{email}.{next(self._numbers)}", "Email": email, "LastName": last, "FirstName": first,
                  "Name": f"{first} {last}".strip(), "UserType": "Standard", "IsActive": True,
                  "ForecastEnabled": True, **more}  # fmt: skip
        return str(self.put("User", **values)["Id"])

    def queue(self, name: str) -> str:
        return str(self.put("Group", Name=name, DeveloperName=name, Type="Queue")["Id"])

    def prepare(self) -> None:
        """As `fairlead connect check salesforce --create-fields` leaves it."""
        self.fields["Lead"] |= schema.kept()
        self.fields["Opportunity"] |= schema.ranking()
        opening = self.put("PermissionSet", Name="Fairlead", Label="Fairlead")["Id"]
        self.put("PermissionSetAssignment", PermissionSetId=opening, AssigneeId=self.user)
        for kind, names in (("Lead", schema.kept()), ("Opportunity", schema.ranking())):
            for name in names:
                self.put("FieldPermissions", ParentId=opening, SobjectType=kind, Field=f"{kind}.{name}",
                         PermissionsRead=True, PermissionsEdit=True)  # fmt: skip

    def put(self, kind: str, **values: Any) -> Json:
        """A record that somebody made in Salesforce itself."""
        return self._put(kind, values, "CREATE")

    def _put(self, kind: str, values: Json, change: str | None) -> Json:
        made: Json = dict.fromkeys(self.fields[kind])
        made |= {"Id": schema.identifier(schema.PREFIXES[kind], next(self._numbers)), "IsDeleted": False}
        made |= {"OwnerId": getattr(self, "user", None)} if "OwnerId" in made else {}
        made |= {"IsConverted": False, "Status": "Open - Not Contacted"} if kind == "Lead" else {}
        by = getattr(self, "user", made["Id"])
        self.records[kind][made["Id"]] = made | {"CreatedDate": int(self.clock()), "CreatedById": by}
        return self.edit(kind, made["Id"], change=change, **values)

    def edit(
        self, kind: str, record_id: str, *, by: str | None = None, change: str | None = "UPDATE", **values: Any
    ) -> Json:
        """Somebody changes a record in Salesforce itself; `change` None: no event tells of it."""
        record = self.records[kind][record_id]
        changed = {name for name, value in values.items() if record.get(name) != value}
        record |= values
        for name, value in values.items():
            if isinstance(value, str):
                self._by_value.setdefault((kind, name, value), set()).add(record_id)
        if kind == "Opportunity":
            record |= {"IsClosed": record["StageName"] in CLOSED, "IsWon": record["StageName"] == "Closed Won"}
            record |= {"LastStageChangeDate": int(self.clock())} if "StageName" in values else {}
        if kind == "Lead":
            record["Name"] = " ".join(part for part in (record["FirstName"], record["LastName"]) if part)
        now = int(self.clock())
        record |= {"LastModifiedDate": now, "SystemModstamp": now, "LastModifiedById": by or record["CreatedById"]}
        if change is not None and self.tell is not None and (changed or change != "UPDATE"):
            self.tell(kind, change, record, changed | {"LastModifiedDate"}, by is not None)
        return record

    def _holder(self, kind: str, name: str, value: str) -> list[Json]:
        """The records that have a value which should be unique."""
        held = (self.records[kind].get(one) for one in self._by_value.get((kind, name, value), ()))
        return [one for one in held if one and one[name] == value and not one["IsDeleted"]]

    def visible(self, kind: str) -> dict[str, Json]:
        """The fields that the user sees; those of one's own must be opened by a permission set."""
        if kind not in self.fields or (kind, "queryable") in self.forbidden:
            raise Problem(404, "NOT_FOUND", "The requested resource does not exist")
        given = {
            one["PermissionSetId"]
            for one in self.records["PermissionSetAssignment"].values()
            if one["AssigneeId"] == self.user
        }
        opened = {one["Field"] for one in self.records["FieldPermissions"].values() if one["ParentId"] in given}
        return {name: one for name, one in self.fields[kind].items() if not one["custom"] or f"{kind}.{name}" in opened}

    def find(self, kind: str, key: str, value: str) -> Json | None:
        """A record by its id, or by a field that is an external id."""
        definition = self.visible(kind).get(key)
        if definition is None or not (key == "Id" or definition["externalId"]):
            raise Problem(404, "NOT_FOUND", f"Provided external ID field does not exist or is not accessible: {key}")
        if key == "Id" and value in self.records[kind]:
            candidates = [self.records[kind][value]]
        elif definition["unique"]:
            candidates = self._holder(kind, key, value)
        else:
            candidates = list(self.records[kind].values())
        found = [
            one
            for one in candidates
            if not one["IsDeleted"] and (one[key] == value or (key == "Id" and one[key][:15] == value))
        ]
        if len(found) > 1:
            raise Problem(300, "MULTIPLE_CHOICES", "several")
        return found[0] if found else None

    def delete(self, kind: str, record_id: str, *, master: str | None = None) -> None:
        """Somebody deletes a record, or merges it into another one; it stays in the recycle bin."""
        more = {"MasterRecordId": master} if master else {}
        self.edit(kind, record_id, change="DELETE", IsDeleted=True, **more)

    def query(self, text: str, *, deleted: bool = False) -> tuple[soql.Query, list[Json]]:
        """A query, and what it finds; `deleted`: in the recycle bin too."""

        def fields_of(kind: str) -> dict[str, Json]:
            try:
                return self.visible(kind)
            except Problem:
                raise Problem(400, "INVALID_TYPE", f"sObject type '{kind}' is not supported.") from None

        asked = soql.parse(text, fields_of)
        found = [
            one for one in self.records[asked.kind].values() if (deleted or not one["IsDeleted"]) and asked.test(one)
        ]
        for name, descending in reversed(asked.order):
            found.sort(key=lambda one: (one[name] is not None, one[name]), reverse=descending)
        return asked, found[: asked.most]

    def write(self, kind: str, record: Json | None, values: Mapping[str, Any], headers: Mapping[str, str]) -> Json:
        """Make or change a record as a request asks.

        Raises:
            Problem: it may not, or the values are not right.
        """
        right = "createable" if record is None else "updateable"
        if (kind, right) in self.forbidden:
            raise Problem(403, "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", [])
        self._typed(kind, values, right)
        if record is not None and kind == "Lead" and record["IsConverted"]:
            raise Problem(400, "CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", [])
        self._judged(kind, record, values)
        if kind == "ForecastingQuota":
            values = forecasts.judged(self, record, values)
        self.in_the_way(record, values)
        self._not_twice(kind, record, values, headers)
        made = self._put(kind, {}, None) if record is None else record
        moments = {
            name: moment(value) for name, value in values.items() if self.fields[kind][name]["type"] == "datetime"
        }
        change = "CREATE" if record is None else "UPDATE"
        self.edit(kind, made["Id"], by=self.user, change=change, **{**values, **moments})
        if kind == "Lead" and self.assigns_to and headers.get("sforce-auto-assign", "TRUE").upper() != "FALSE":
            made["OwnerId"] = self.assigns_to
        self.writes.append((kind, made["Id"], dict(values)))
        return made

    def _typed(self, kind: str, values: Mapping[str, Any], right: str) -> None:
        fields = self.visible(kind)
        for name, value in values.items():
            if name not in fields:
                raise Problem(400, "INVALID_FIELD", f"No such column '{name}' on sobject of type {kind}")
            if value is not None and not isinstance(value, _TYPES.get(fields[name]["type"], (str,))):
                raise Problem(
                    400, "JSON_PARSER_ERROR", f"Cannot deserialize instance of {fields[name]['type']} from {value!r}"
                )
        if closed := [name for name in values if not fields[name][right]]:
            message = f"Unable to create/update fields: {', '.join(closed)}. Please check the security settings of this field …"
            raise Problem(400, "INVALID_FIELD_FOR_INSERT_UPDATE", message, closed)

    def _judged(self, kind: str, record: Json | None, values: Mapping[str, Any]) -> None:
        fields = self.visible(kind)
        there = {**(record or {}), **values}
        needed = [
            one["name"]
            for one in fields.values()
            if not one["nillable"] and not one["defaultedOnCreate"] and one["createable"]
        ]
        if missing := [name for name in needed if there.get(name) in {None, ""}]:
            raise Problem(
                400, "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", missing
            )
        for name, value in values.items():
            one = fields[name]
            if name == "OwnerId" and not value:
                raise Problem(400, "INVALID_CROSS_REFERENCE_KEY", "Owner ID: owner cannot be blank", [name])
            if not value:
                continue
            if one["type"] == "email" and not EMAIL.fullmatch(value):
                raise Problem(400, "INVALID_EMAIL_ADDRESS", f"{one['label']}: invalid email address: {value}", [name])
            if one["length"] and len(value) > one["length"]:
                message = f"{one['label']}: data value too large: {value} (max length={one['length']})"
                raise Problem(400, "STRING_TOO_LONG", message, [name])
            if one["type"] == "reference":
                self._refers(one, value)

    def _refers(self, definition: Json, value: str) -> None:
        name = definition["name"]
        if not re.fullmatch(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?", value):
            raise Problem(400, "MALFORMED_ID", f"{definition['label']}: id value of incorrect type: {value}", [name])
        other = next(
            (self.records[kind][value] for kind in definition["referenceTo"] if value in self.records[kind]), None
        )
        if other is None:
            raise Problem(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [])
        if other.get("IsActive") is False:
            raise Problem(400, "INACTIVE_OWNER_OR_USER", f"operation performed with inactive user [{value}]", [name])

    def in_the_way(self, record: Json | None, values: Mapping[str, Any]) -> None:
        """What keeps a record from being written, or any that it names: a validation rule, a lock."""
        rows = [record["Id"]] if record else []
        rows += [value for value in values.values() if isinstance(value, str)]
        if self.guarded & ({*rows} if record is None else {record["Id"]}):
            raise Problem(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", "This account is being audited.", [])
        for one in rows:
            if self.locks[one] > 0:
                self.locks[one] -= 1
                message = f"unable to obtain exclusive access to this record or 1 records: {one}"
                raise Problem(400, "UNABLE_TO_LOCK_ROW", message, [])

    def _not_twice(self, kind: str, record: Json | None, values: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        for name, value in values.items():
            holders = self._holder(kind, name, value) if value and self.fields[kind][name]["unique"] else []
            for twin in (one for one in holders if one is not record):
                message = f"duplicate value found: {name} duplicates value on record with id: {twin['Id']}"
                raise Problem(400, "DUPLICATE_VALUE", message, [])
        alike = (
            kind == "Lead"
            and record is None
            and bool(values.get("Email"))
            and any(one["Email"] == values["Email"] and not one["IsDeleted"] for one in self.records[kind].values())
        )
        allowed = "allowsave=true" in headers.get("sforce-duplicate-rule-header", "").lower().replace(" ", "")
        if alike and (self.duplicate_rule == "block" or (self.duplicate_rule == "alert" and not allowed)):
            raise Problem(400, "DUPLICATES_DETECTED", "Use one of these records?", [])

    def shown(self, kind: str, record: Json, names: list[str], version: str) -> Json:
        """A record as it is answered."""
        attributes = {"type": kind, "url": f"/services/data/{version}/sobjects/{kind}/{record['Id']}"}
        return {"attributes": attributes, **{name: self._value(kind, name, record.get(name)) for name in names}}

    def _value(self, kind: str, name: str, value: Any) -> Any:
        if value is not None and self.fields[kind][name]["type"] == "datetime":
            return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
        return None if value == "" else value
