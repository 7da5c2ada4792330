"""The search of HubSpot: its limits, its operators, and what it does not know yet."""

from __future__ import annotations

import fnmatch
import re
from datetime import datetime
from typing import Any

from tests.simulators.hubspot.records import Account, Json, Problem

MOST_GROUPS, MOST_FILTERS, MOST_IN_ALL = 5, 6, 18
LARGEST_PAGE, MOST_FOUND = 200, 10_000


def matching(account: Account, kind: str, asked: Json) -> tuple[list[str], list[str], int, int]:
    """Ids in their order, the properties wanted, and the page's limit and start."""
    groups = asked.get("filterGroups", [])
    filters = [group.get("filters", []) for group in groups]
    if (
        len(groups) > MOST_GROUPS
        or any(len(one) > MOST_FILTERS for one in filters)
        or sum(map(len, filters)) > MOST_IN_ALL
    ):
        raise Problem(400, "VALIDATION_ERROR", "too many filters")
    limit, after = asked.get("limit", 10), int(asked.get("after", 0))
    if not isinstance(limit, int) or not 1 <= limit <= LARGEST_PAGE:
        raise Problem(400, "VALIDATION_ERROR", f"limit must be between 1 and {LARGEST_PAGE}")
    if after + limit > MOST_FOUND:
        raise Problem(400, "VALIDATION_ERROR", f"no more than {MOST_FOUND} results can be paged through")
    seen = account.indexed(kind)
    found = [
        one
        for one, values in seen.items()
        if not groups or any(all(_holds(account, kind, one, values, test) for test in group) for group in filters)
    ]
    for one in asked.get("sorts", []):
        if (
            not isinstance(one, dict)
            or one.get("propertyName") != "hs_object_id"
            or one.get("direction") != "ASCENDING"
        ):
            raise Problem(400, "VALIDATION_ERROR", "only ascending ids are simulated")
    return sorted(found, key=int), list(asked.get("properties", [])), limit, after


def _holds(account: Account, kind: str, record_id: str, values: Json, test: Json) -> bool:
    if not {"propertyName", "operator"} <= test.keys():
        raise Problem(400, "VALIDATION_ERROR", "a filter needs propertyName and operator")
    name, operator = test["propertyName"], test["operator"]
    if name.startswith("associations."):
        other = {"company": "companies", "contact": "contacts", "deal": "deals"}[name.removeprefix("associations.")]
        return (kind, record_id, other, test["value"]) in account.links or (
            other,
            test["value"],
            kind,
            record_id,
        ) in account.links
    if name not in account.properties[kind]:
        raise Problem(400, "VALIDATION_ERROR", f"There was a problem with the request: property {name} does not exist")
    own = {"hs_object_id": record_id, "createdate": str(int(account.records[kind][record_id].created * 1_000))}
    return _compare(str({**values, **own}.get(name, "")), operator, test)


def _compare(value: str, operator: str, test: Json) -> bool:
    match operator:
        case "EQ":
            return value.lower() == _text(test).lower()
        case "NEQ":
            return value.lower() != _text(test).lower()
        case "IN":
            wanted: Any = test.get("values")
            if not isinstance(wanted, list) or not all(isinstance(one, str) for one in wanted) or "value" in test:
                raise Problem(400, "VALIDATION_ERROR", "IN needs values")
            return value.lower() in wanted  # those in capitals are never found
        case "CONTAINS_TOKEN":
            return any(fnmatch.fnmatchcase(token, _text(test).lower()) for token in re.split(r"[^\w*]+", value.lower()))
        case "GT" | "GTE" | "LT" | "LTE":
            ends = (value, _text(test)) if operator.startswith("G") else (_text(test), value)
            return _later(*ends, or_equal=operator.endswith("E"))
        case "HAS_PROPERTY" | "NOT_HAS_PROPERTY":
            return bool(value) is (operator == "HAS_PROPERTY")
    raise Problem(400, "VALIDATION_ERROR", f"{operator} is no operator")


def _later(value: str, than: str, *, or_equal: bool) -> bool:
    there, wanted = _number(value), _number(than)
    return there is not None and wanted is not None and (there > wanted or (or_equal and there == wanted))


def _number(text: str) -> float | None:
    """Dates are compared as milliseconds since 1970."""
    try:
        return float(text) if text.isdecimal() else datetime.fromisoformat(text).timestamp() * 1_000
    except ValueError:
        return None


def _text(test: Json) -> str:
    if not isinstance(test.get("value"), str):
        raise Problem(400, "VALIDATION_ERROR", "a filter's value must be text")
    return str(test["value"])
