"""What quotas need of an organisation beside rights: a forecast type, periods, a currency, and people who have forecasts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from datetime import UTC, datetime, timedelta

from workers.connectors.answers import Json, SystemRefused, dicts
from workers.connectors.checking import Finding
from workers.connectors.publishing.publisher import NotTaken, shown
from workers.connectors.salesforce import quotas, soql
from workers.connectors.salesforce.client import SalesforceClient
from workers.connectors.salesforce.mapping import Quotas

DAYS = 365
"""So far ahead there should be periods."""


async def findings(
    client: SalesforceClient, mapping: Quotas, described: Json, reps: Collection[str] | None
) -> AsyncIterator[Finding]:
    """Whether quotas can be written; `described`: what Salesforce says of ForecastingQuota, nothing if our user may not see it.

    Raises:
        SystemDown, SystemPause: Salesforce can't be asked.
    """
    try:
        await quotas.forecast_type(client, mapping.forecast_type)
    except (NotTaken, SystemRefused) as error:
        yield Finding(
            "fields", "wrong", f"forecast type {mapping.forecast_type}", f"Salesforce: {str(error).rstrip('.')}."
        )
    else:
        yield Finding("fields", "ok", f"forecast type {mapping.forecast_type}", "has the quotas")
    today = datetime.now(UTC).date()
    kind = f"{mapping.period}s"
    try:
        found = await quotas.periods(client, mapping.period, today, today + timedelta(days=DAYS))
    except SystemRefused as error:
        yield Finding("fields", "wrong", kind, str(error))
    else:
        odd = [str(one.first) for one in found if one.first.day != 1]
        if odd:
            said = f"They don't begin with a month ({shown(odd)}), and quotas are planned by months. Set `quota.period` to another."
            yield Finding("fields", "wrong", kind, said)
        elif not found or (found[-1].last - today).days < DAYS:
            said = "Not for all of the next year: define the fiscal years in Setup → Fiscal Year before quotas of them are published."
            yield Finding("fields", "note", kind, said)
        else:
            yield Finding("fields", "ok", kind, f"{len(found)} in the next year")
    if described:
        yield _currency(mapping, described)
    if reps:
        yield await _forecasting(client, reps)


def _currency(mapping: Quotas, described: Json) -> Finding:
    fields = {str(one.get("name")): one for one in dicts(described.get("fields"))}
    if quotas.CURRENCY in fields:
        active = [str(one.get("value")) for one in dicts(fields[quotas.CURRENCY].get("picklistValues"))]
        return Finding("fields", "ok", "currencies", f"{', '.join(active)}: the quotas' must be among them.")
    if mapping.currency is None:
        said = "The organisation has one currency: say which by `quota.currency` in the mapping."
        return Finding("fields", "wrong", "currency", said)
    return Finding(
        "fields", "ok", "currency", f"{mapping.currency}, as the mapping says: see Setup → Company Information."
    )


async def _forecasting(client: SalesforceClient, reps: Collection[str]) -> Finding:
    where = "IsActive = true AND ForecastEnabled = true"
    enabled = {
        (one.get("Email") or "").lower() for one in await client.query(soql.select({"Id", "Email"}, "User", where))
    }
    without = sorted(one for one in reps if one.lower() not in enabled)
    if without:
        said = f"{shown(without)} may not forecast: nobody sees their quotas. Tick *Allow Forecasting* for them."
        return Finding("people", "note", "forecasts", said)
    return Finding("people", "ok", "forecasts", "All active reps may forecast.")
