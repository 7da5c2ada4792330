"""Inputs on PostgreSQL (tables quotas.tables and inputs); published forecast and territories as the CRM has them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from workers.quota_approval.domain.plans import Collected
from workers.quota_approval.domain.reviews import Organisation, Review
from workers.quota_approval.ports.planning import InputsUnusable
from workers.runtime.work import Work

NEEDED = ("units", "reps", "territories", "forecast")

Rows = list[dict[str, str]]


class PostgresInputDesk:
    """`InputDesk` on the job's connection."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def collect(self, review: Review, organisation: Organisation, collection: int) -> Collected:
        """See `InputDesk.collect`."""
        tables, version = await self.tables(organisation, review.period)
        months = sorted({row["month"] for row in tables["forecast"] if row["period"] == review.period})
        if not months:
            raise _unusable(f"there is no forecast for {review.period}")
        await self._refuse_overlaps(review, months)
        input_id = f"{review.quota_id}/{collection}"
        content = zlib.compress(json.dumps(tables).encode())
        await self._work.connection.execute(
            "INSERT INTO quotas.inputs (input_id, quota_id, content) VALUES (%s, %s, %s)",
            (input_id, review.quota_id, content),
        )
        return Collected(input_id, sum(map(len, tables.values())), len(tables), version)

    async def tables(
        self, organisation: Organisation, period: str, before: Mapping[str, Rows] | None = None
    ) -> tuple[dict[str, Rows], str]:
        """What would be planned from now, and the published version that the forecast is of (empty: the table's own).

        `before` is what `planned_from` says of the period, where that is known already.

        Raises:
            InputsUnusable: tables are missing, or no forecast is published.
        """
        cursor = await self._work.connection.execute(
            "SELECT name, rows FROM quotas.tables WHERE organisation = %s ORDER BY name", (organisation.id,)
        )
        found: dict[str, Rows] = {row["name"]: row["rows"] for row in await cursor.fetchall()}
        if missing := [name for name in NEEDED if not found.get(name)]:
            raise _unusable(
                f"{organisation.name} has no rows in {', '.join(missing)}; load them by `fairlead quota load`"
            )
        version = ""
        if organisation.forecast_of is not None:
            version, rows = await self._forecast(organisation.forecast_of, period)
            came = {row["month"] for row in rows}
            # A version that was published within the period begins later than it; what is before stays as it was planned.
            if before is None:
                before = await self.planned_from(organisation.id, period)
            former = [row for row in _of(before, "forecast", period) if row["month"] not in came]
            found["forecast"] = _replaced(found["forecast"], period, former + rows)
        if organisation.territories_of is not None:
            territories = await self._territories(organisation.territories_of, period)
            if territories:
                found["territories"] = _replaced(found["territories"], period, territories)
        return found, version

    async def planned_from(self, organisation: str, period: str) -> Mapping[str, Rows]:
        """What the version of a period that was published last was planned from; empty: none is published."""
        cursor = await self._work.connection.execute(
            "SELECT i.content FROM quotas.publications p JOIN quotas.reviews r USING (quota_id)"
            " JOIN quotas.inputs i USING (quota_id) WHERE p.organisation = %s AND p.period = %s"
            " AND r.state = 'published' ORDER BY p.id DESC, i.taken_at DESC LIMIT 1",
            (organisation, period),
        )
        row = await cursor.fetchone()
        if row is None:
            return {}
        found: dict[str, Rows] = json.loads(zlib.decompress(bytes(row["content"])))
        return found

    async def _forecast(self, organisation: str, period: str) -> tuple[str, Rows]:
        """The version in use at the CRM, as rows of the table ``forecast``."""
        cursor = await self._work.connection.execute(
            "SELECT p.version, p.months, s.segment, s.final, s.lo80, s.hi80 FROM crm.forecasts_in_use u"
            " JOIN forecasting.publications p ON p.version = u.version"
            " JOIN forecasting.published_segments s ON s.version = p.version WHERE u.organisation = %s",
            (organisation,),
        )
        found: list[dict[str, Any]] = await cursor.fetchall()  # Any: what the columns hold
        if not found:
            raise _unusable(f"no forecast of {organisation} is published; publish one, or plan by a table of your own")
        rows: Rows = []
        for row in found:
            for place, month in enumerate(row["months"]):
                if month[:4] == period[:4]:
                    figures = {"value": row["final"], "lo80": row["lo80"], "hi80": row["hi80"]}
                    texts = {name: "" if of[place] is None else str(of[place]) for name, of in figures.items()}
                    rows.append({"period": period, "segment": row["segment"], "month": month, **texts})
        return found[0]["version"], rows

    async def _territories(self, organisation: str, period: str) -> Rows:
        """The territories in use at the CRM, as rows of the table ``territories``: an account's region is its segment."""
        cursor = await self._work.connection.execute(
            "SELECT a.rep, a.region, sum(a.potential) AS potential FROM territories.plan_accounts a"
            " JOIN territories.publications p ON p.plan_version = a.version WHERE p.version = ("
            " SELECT version FROM crm.territory_changes WHERE organisation = %s AND undone_at IS NULL"
            " ORDER BY id DESC LIMIT 1) GROUP BY a.rep, a.region ORDER BY a.rep, a.region",
            (organisation,),
        )
        return [
            {"period": period, "rep": row["rep"], "segment": row["region"], "potential": str(row["potential"])}
            for row in await cursor.fetchall()
        ]

    async def _refuse_overlaps(self, review: Review, months: Sequence[str]) -> None:
        """A period is published once; what comes after is an adjustment, or begins when it is over."""
        if review.reason == "adjustment":
            return
        first, last = (date.fromisoformat(f"{month[:7]}-01") for month in (months[0], months[-1]))
        cursor = await self._work.connection.execute(
            "SELECT p.version, p.period FROM quotas.publications p JOIN quotas.reviews r USING (quota_id)"
            " WHERE p.organisation = %s AND r.state = 'published' AND p.valid_from <= %s AND p.valid_until >= %s"
            " ORDER BY p.id DESC LIMIT 1",
            (review.organisation, last, first),
        )
        row = await cursor.fetchone()
        if row is not None:
            raise _unusable(
                f"{review.period} overlaps {row['period']}, which is published as {row['version']}; ask for an adjustment "
                "of it, or plan a period that begins after it"
            )


def _of(tables: Mapping[str, Rows], name: str, period: str) -> Rows:
    return [row for row in tables.get(name, []) if row["period"] == period]


def _replaced(rows: Rows, period: str, by: Rows) -> Rows:
    """Rows of a table, those of a period by others."""
    return [row for row in rows if row["period"] != period] + by


def _unusable(why: str) -> InputsUnusable:
    return InputsUnusable(why, variables={"plan_why": why})
