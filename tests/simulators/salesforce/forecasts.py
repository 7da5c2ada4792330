"""Forecasts: their types, the fiscal year, and the rules that Salesforce has for quotas."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from tests.simulators.salesforce import schema
from tests.simulators.salesforce.problems import Problem
from tests.simulators.salesforce.schema import Json

if TYPE_CHECKING:
    from tests.simulators.salesforce.org import Org

_DAY = re.compile(r"(\d{4}-\d\d-\d\d)(?:T[\d:.]+(?:Z|[+-]\d\d:?\d\d))?")
_KEY = ("QuotaOwnerId", "ForecastingTypeId", "StartDate", "ProductFamily")


def switch_on(org: Org, *years: int, first_month: int = 1, name: str = "OpportunityRevenue") -> str:
    """Forecasts by users of amounts, and the fiscal years, which begin with a month; the type's id."""
    for year in years:
        for kind, months in (("Month", 1), ("Quarter", 3), ("Year", 12)):
            for start in range(0, 12, months):
                first, last = _month(year, first_month + start), _month(year, first_month + start + months - 1)
                ends = last.replace(day=monthrange(last.year, last.month)[1])
                org.put(
                    "Period", Type=kind, StartDate=first.isoformat(), EndDate=ends.isoformat(), IsForecastPeriod=True
                )
    return new_type(org, name)


def new_type(org: Org, name: str, **more: Any) -> str:
    values = {"IsActive": True, "IsAmount": True, "IsQuantity": False, "HasProductFamily": False, "RoleType": "R",
              "DateType": "OpportunityCloseDate", **more}  # fmt: skip
    return str(org.put("ForecastingType", DeveloperName=name, MasterLabel=name, **values)["Id"])


def use_currencies(org: Org, *codes: str) -> None:
    """Several currencies, the first of them the user's own."""
    values = [{"value": one, "label": one, "active": True} for one in codes]
    org.fields["ForecastingQuota"]["CurrencyIsoCode"] = schema.define(
        "CurrencyIsoCode", "picklist", 3, required=True, defaultedOnCreate=True, picklistValues=values
    )


def judged(org: Org, record: Json | None, values: Mapping[str, Any]) -> Json:
    """What a request for a quota writes.

    Raises:
        Problem: Salesforce does not take it.
    """
    found = dict(values)
    if record is None:
        found.setdefault("QuotaOwnerId", org.user)
    if "StartDate" in found:
        found["StartDate"] = _first_of_month(found["StartDate"])
    currencies = [
        one["value"] for one in org.fields["ForecastingQuota"].get("CurrencyIsoCode", {}).get("picklistValues", [])
    ]
    if currencies:
        if record is None:
            found.setdefault("CurrencyIsoCode", currencies[0])
        if "CurrencyIsoCode" in found and found["CurrencyIsoCode"] not in currencies:
            message = f"Currency ISO Code: bad value for restricted picklist field: {found['CurrencyIsoCode']}"
            raise Problem(400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, ["CurrencyIsoCode"])
    there = {**(record or {}), **found}
    if there["QuotaOwnerId"] == org.user:
        raise Problem(400, "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", [])
    type_ = org.records["ForecastingType"][there["ForecastingTypeId"]]
    measure, other = ("QuotaAmount", "QuotaQuantity") if type_["IsAmount"] else ("QuotaQuantity", "QuotaAmount")
    if there.get(measure) is None:
        raise Problem(400, "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{measure}]", [measure])
    if found.get(other) is not None:
        raise Problem(400, "FIELD_INTEGRITY_EXCEPTION", f"{other} is not of this forecast type", [other])
    for twin in org.records["ForecastingQuota"].values():
        if twin is not record and not twin["IsDeleted"] and all(twin.get(name) == there.get(name) for name in _KEY):
            message = f"duplicate value found: <unknown> duplicates value on record with id: {twin['Id']}"
            raise Problem(400, "DUPLICATE_VALUE", message, [])
    periods = org.records["Period"].values()
    day = there["StartDate"]
    period = next(
        (one for one in periods if one["Type"] == "Month" and one["StartDate"] <= day <= one["EndDate"]), None
    )
    return found | {
        "IsAmount": type_["IsAmount"],
        "IsQuantity": type_["IsQuantity"],
        "PeriodId": period and period["Id"],
    }


def _first_of_month(given: Any) -> str:
    told = _DAY.fullmatch(str(given))
    try:
        return date.fromisoformat(told[1] if told else "").replace(day=1).isoformat()
    except ValueError:
        raise Problem(400, "JSON_PARSER_ERROR", f"Cannot deserialize instance of date from {given!r}") from None


def _month(year: int, month: int) -> date:
    return date(year + (month - 1) // 12, (month - 1) % 12 + 1, 1)
