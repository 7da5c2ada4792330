"""Inputs on PostgreSQL (tables quotas.tables and inputs); the published forecast as the CRM has it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
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
        cursor = await self._work.connection.execute(
            "SELECT name, rows FROM quotas.tables WHERE organisation = %s ORDER BY name", (organisation.id,)
        )
        tables: dict[str, Rows] = {row["name"]: row["rows"] for row in await cursor.fetchall()}
        if missing := [name for name in NEEDED if not tables.get(name)]:
            raise _unusable(
                f"{organisation.name} has no rows in {', '.join(missing)}; load them by `fairlead quota load`"
            )
        version = ""
        if organisation.forecast_of is not None:
            version, rows = await self._forecast(organisation.forecast_of, review.period)
            kept = [row for row in tables["forecast"] if row["period"] != review.period]
            tables["forecast"] = kept + rows
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


def _unusable(why: str) -> InputsUnusable:
    return InputsUnusable(why, variables={"plan_why": why})
