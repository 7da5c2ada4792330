"""What a system keeps: business partners, sales orders and what belongs to them, made, changed, linked."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Callable
from typing import Any

from tests.simulators.sap import ordering
from tests.simulators.sap.problems import Problem
from tests.simulators.sap.schema import EDMX, Json, Kind, load

Key = tuple[Any, ...]

ROLES = {"BUP001", "BUP002", "BUP003", "FLCU00", "FLCU01", "FLVN00", "FLVN01"}
VERSION = "\0version"
"""Among an entity's values, where no property can be."""
FOREVER = "/Date(253402300799000+0000)/"


class System:
    """One client of a system."""

    def __init__(self) -> None:
        self.metadata = EDMX.read_bytes()
        self.order_metadata = ordering.described()
        self.kinds = {**load(self.metadata), **load(self.order_metadata)}
        self.records: dict[str, dict[Key, Json]] = {name: {} for name in self.kinds}
        self.clock: Callable[[], float] = time.time
        self.forbidden: set[tuple[str, str]] = set()
        """Sets and methods that our user may not use: ("A_BusinessPartner", "POST")."""
        self.locked: set[Key] = set()
        """Business partners and sales orders that somebody has open."""
        self.writes: list[tuple[str, str, Json]] = []
        """Method, set and values of each write, children apart."""
        self._numbers = itertools.count(1000001)
        self._addresses = itertools.count(20001)
        self._versions = itertools.count(1)

    @property
    def partners(self) -> list[Json]:
        """All business partners, the first that was made first."""
        return list(self.records["A_BusinessPartner"].values())

    @property
    def orders(self) -> list[Json]:
        """All sales orders, the first that was made first."""
        return list(self.records[ordering.ORDERS].values())

    @property
    def customers(self) -> set[str]:
        """Numbers of customers."""
        return {one["Customer"] for one in self.partners if one["Customer"]}

    def children(self, name: str, parent: Json, way: str) -> list[Json]:
        """Where a way leads from an entity: to what has the same values in the properties that both keys are about."""
        kind, there = self.kinds[name], self.kinds[self.kinds[name].ways[way]]
        shared = [one for one in there.keys if one in kind.properties]
        return [one for one in self.records[there.name].values() if all(one[key] == parent[key] for key in shared)]

    def insert(self, name: str, body: Json, parent: Json | None = None) -> Json:
        """Make an entity and what is given below it, or nothing.

        Raises:
            Problem: it can't be.
        """
        before, writes = {one: dict(entities) for one, entities in self.records.items()}, len(self.writes)
        try:
            return self._insert(name, body, parent)
        except Problem:
            self.records.update(before)
            del self.writes[writes:]
            raise

    def _insert(self, name: str, body: Json, parent: Json | None) -> Json:
        kind = self.kinds[name]
        self.may(name, "POST")
        if not kind.creatable and parent is None:
            raise Problem(405, "/IWBEP/CM_MGW_RT/061", f"{name} can't be created")
        below = {way: listed(body[way]) for way in kind.ways if way in body}
        values = {one.name: one.empty for one in kind.properties.values()}
        values |= self._taken(kind, {key: value for key, value in body.items() if key not in below}, "creatable")
        values |= {key: parent[key] for key in kind.keys if parent is not None and key in parent}
        values |= self._assigned(kind, values, parent)
        self._ruled(kind, values)
        key = tuple(values[one] for one in kind.keys)
        if key in self.records[name]:
            raise Problem(400, "/IWBEP/CX_MGW_BUSI_EXCEPTION", f"{name}{key} already exists", kind.keys[-1])
        self.records[name][key] = values
        self.writes.append(("POST", name, dict(body)))
        for way, ones in below.items():
            for one in ones:
                self._insert(kind.ways[way], one, values)
        self._settle(kind, values)
        return values

    def change(self, name: str, key: Key, body: Json) -> None:
        """Change an entity.

        Raises:
            Problem: it can't be.
        """
        kind, values = self.kinds[name], self.found(name, key)
        self.may(name, "PATCH")
        if not kind.updatable:
            raise Problem(405, "/IWBEP/CM_MGW_RT/061", f"{name} can't be updated")
        if not body:
            raise Problem(501, "/IWFND/CM_MGW/096", "PATCH requests require components to be updated")
        if key[:1] in self.locked:
            raise Problem(400, "MC/601", "Object requested is currently locked by user MILLER")
        taken = self._taken(kind, body, "updatable")
        if any(taken.get(one, values[one]) != values[one] for one in kind.keys):
            raise Problem(400, "/IWBEP/CM_MGW_RT/022", "Keys can't be changed", *kind.keys)
        self._ruled(kind, {**values, **taken})
        values |= taken
        self.touch(kind, values)
        self._settle(kind, values)
        self.writes.append(("PATCH", name, dict(body)))

    def edit(self, name: str, *key: Any, **values: Any) -> None:
        """Somebody else changes something."""
        found = self.found(name, key)
        found |= values
        self.touch(self.kinds[name], found)
        self._settle(self.kinds[name], found)

    def found(self, name: str, key: Key) -> Json:
        if key not in self.records[name]:
            raise Problem(404, "/IWBEP/CM_MGW_RT/020", f"Resource not found for the segment '{name}'")
        return self.records[name][key]

    def may(self, name: str, method: str) -> None:
        if (name, method) in self.forbidden:
            raise Problem(403, "/IWBEP/CM_MGW_RT/007", f"No authorization for {name}")

    def touch(self, kind: Kind, values: Json) -> None:
        self.renew(values)
        now = f"/Date({int(self.clock()) // 86400 * 86_400_000})/"
        values |= {one: now for one in ("LastChangeDate",) if one in kind.properties}

    def renew(self, values: Json) -> None:
        """Another version."""
        values[VERSION] = next(self._versions)

    def version(self, kind: Kind, entity: Json, records: dict[str, dict[Key, Json]] | None = None) -> str:
        """What If-Match must say of an entity: its own version, or that of the order to which it belongs."""
        if not of_orders(kind):
            return f"W/\"'{entity[VERSION]:020d}'\""
        order = (records or self.records)[ordering.ORDERS][entity["SalesOrder"],]
        return f"W/\"datetimeoffset'2026-11-27T08%3A00%3A00.{order[VERSION]:07d}Z'\""

    def _settle(self, kind: Kind, values: Json) -> None:
        if of_orders(kind):
            ordering.settle(self, kind.name, values)
        elif kind.name == "A_BusinessPartnerRole" and values["BusinessPartnerRole"] == "FLCU01":
            self.found("A_BusinessPartner", (values["BusinessPartner"],))["Customer"] = values["BusinessPartner"]

    def _taken(self, kind: Kind, body: Json, right: str) -> Json:
        taken = {}
        for name, value in body.items():
            if name == "__metadata":
                continue
            if name not in kind.properties:
                raise Problem(400, "/IWBEP/CM_MGW_RT/004", f"Property '{name}' is invalid", name)
            if not getattr(kind.properties[name], right):
                raise Problem(400, "/IWBEP/CM_MGW_RT/062", f"Property '{name}' is read only", name)
            taken[name] = kind.properties[name].taken(value)
        return taken

    def _assigned(self, kind: Kind, values: Json, parent: Json | None) -> Json:
        given: Json = {VERSION: next(self._versions)}
        if of_orders(kind):
            return given | ordering.assigned(self, kind.name, values)
        if kind.name == "A_BusinessPartner":
            number = values["BusinessPartner"] or str(next(self._numbers))
            given |= {
                "BusinessPartner": number,
                "BusinessPartnerUUID": str(uuid.uuid4()),
                "CreatedByUser": "CC0000000001",
                "CreationDate": f"/Date({int(self.clock()) // 86400 * 86_400_000})/",
            }
        elif kind.name == "A_BusinessPartnerAddress":
            given |= {"AddressID": str(next(self._addresses)), "AddressUUID": str(uuid.uuid4())}
        elif kind.name == "A_BusinessPartnerRole":
            given |= {"ValidFrom": values["ValidFrom"] or "/Date(0+0000)/", "ValidTo": values["ValidTo"] or FOREVER}
        if parent is None and kind.name != "A_BusinessPartner" and not all(values[key] for key in kind.keys[:1]):
            raise Problem(400, "/IWBEP/CM_MGW_RT/021", "A key is missing", *kind.keys)
        if "OrdinalNumber" in kind.keys and not values["OrdinalNumber"]:
            same = [one for one in self.records[kind.name].values() if one["AddressID"] == values["AddressID"]]
            given["OrdinalNumber"] = str(len(same) + 1)
        return given

    def _ruled(self, kind: Kind, values: Json) -> None:
        """What SAP itself wants to know, though its $metadata does not say so."""
        if of_orders(kind):
            ordering.ruled(self, kind.name, values)
        elif kind.name == "A_BusinessPartner":
            needed = {"1": "LastName", "2": "OrganizationBPName1", "3": "GroupBusinessPartnerName1"}
            field = needed.get(values["BusinessPartnerCategory"], "")
            if not field or not values[field]:
                raise Problem(400, "R1/101", "Enter all required fields", field or "BusinessPartnerCategory")
            name = " ".join(values[one] for one in ("FirstName", "LastName", "OrganizationBPName1") if values[one])
            values |= {"BusinessPartnerFullName": name, "BusinessPartnerName": name}
        elif kind.name == "A_BusinessPartnerAddress" and not values["Country"]:
            raise Problem(400, "R1/179", "Enter a country/region", "Country")
        elif kind.name == "A_BusinessPartnerRole" and values["BusinessPartnerRole"] not in ROLES:
            raise Problem(400, "R11/124", "BP role does not exist", "BusinessPartnerRole")
        elif kind.name == "A_AddressEmailAddress" and "@" not in values["EmailAddress"]:
            raise Problem(400, "AM/873", "E-mail address is not valid", "EmailAddress")


def of_orders(kind: Kind) -> bool:
    return kind.type.startswith(f"{ordering.SPACE}.")


def listed(given: Any) -> list[Json]:
    """The children of a deep insert, in either of the two forms."""
    found = given.get("results") if isinstance(given, dict) and "results" in given else given
    if isinstance(found, dict):
        found = [found]
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Problem(400, "CX_SXML_PARSE_ERROR/000", "The children are no list")
    return found
