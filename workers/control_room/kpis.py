"""The KPIs: declared in ``kpis.yaml``, measured the same for the page and for Prometheus."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal

import yaml
from prometheus_client import REGISTRY, Gauge
from psycopg import AsyncConnection
from psycopg.rows import DictRow
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from workers import shipped
from workers.control_room import lead_days
from workers.control_room.lead_days import COUNTS, OPEN
from workers.runtime.database import Pool

Unit = Literal["seconds", "ratio", "per_thousand", "eur_per_day"]

_LEADS = """
    leads AS {kept} (
        SELECT * FROM control.lead_speed
        WHERE received_at >= %(since)s AND received_at < %(until)s AND (%(team)s::text IS NULL OR team = %(team)s)
    )
"""
_SPEED = f"""
    speed AS MATERIALIZED (
        SELECT {COUNTS}, count(*) FILTER (WHERE {OPEN}) AS open,
               percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY seconds) AS total,
               percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY system_seconds) AS system,
               percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY human_seconds) AS human
        FROM leads
    )
"""  # noqa: S608 - of our own constants only
_EXACT = f"WITH {_LEADS.format(kept='MATERIALIZED')}, {_SPEED}"
# Of a long time the leads are looked up for what asks for them, each time without what it does not ask for.
_BY_DAY = f"WITH {_LEADS.format(kept='NOT MATERIALIZED')}, {lead_days.SPEED}"

WINDOW = timedelta(hours=24)
"""What Prometheus gets is of the last so much time."""


# Found once; who and what they are is looked up for those that are listed.
_CASES = """, found AS MATERIALIZED ({sql}), listed AS (
        SELECT * FROM found ORDER BY seconds DESC NULLS LAST, at DESC, case_id, instance_key LIMIT {most}
    ), told AS (
        SELECT f.at, f.seconds, f.what, coalesce(f.case_id, control.case_of(f.instance_key)) AS case_id,
               coalesce(f.instance_key, (SELECT max(t.process_instance_key) FROM runtime.timeline t
                                         WHERE t.business_id = f.case_id AND t.process_instance_key <> 0)) AS instance_key
        FROM listed f
    )
    SELECT t.*, i.key IS NOT NULL AS known, coalesce(l.lead->>'name', l.raw->>'name') AS name,
           coalesce(l.lead->>'company', l.raw->>'company') AS company, (SELECT count(*) FROM found) AS total
    FROM told t LEFT JOIN control.instances i ON i.key = t.instance_key LEFT JOIN routing.leads l ON l.lead_id = t.case_id
    ORDER BY t.seconds DESC NULLS LAST, t.at DESC, t.case_id, t.instance_key
"""


class Cases(BaseModel):
    """What is behind a KPI, as declared."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    sql: str


class Kpi(BaseModel):
    """One KPI as declared; see the head of ``kpis.yaml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    unit: Unit
    owner: str
    better: Literal["lower", "higher"]
    text: str
    sql: str
    by_team: bool = True
    cases: Cases


@dataclass(frozen=True, slots=True)
class Scope:
    """What figures are asked for: leads received, and instances started, in this time; of one team or of all."""

    since: datetime
    until: datetime
    team: str | None = None
    by_day: bool = False
    """It is whole UTC days up to now, so that counts by day tell the same."""

    @property
    def given(self) -> dict[str, object]:
        """As SQL parameters."""
        return {"since": self.since, "until": self.until, "team": self.team}


@dataclass(frozen=True, slots=True)
class Measured:
    """A KPI and its value; None: there was nothing to measure."""

    kpi: Kpi
    value: float | None


@lru_cache
def declared() -> tuple[Kpi, ...]:
    """All KPIs, in the file's order."""
    text = shipped.read("kpis", "workers.control_room", ".")
    assert text is not None  # it is part of the package
    return tuple(TypeAdapter(list[Kpi]).validate_python(yaml.safe_load(text)))


async def over_leads(connection: AsyncConnection[DictRow], scope: Scope, queries: Mapping[str, str]) -> DictRow:
    """One value for each name, each by its query over ``leads``, those of the scope, or over ``speed``, one row that counts
    them: made once for all queries, and only if one of them asks; of a scope by day from what was counted when each was over.
    """
    columns = ", ".join(f"({query}) AS {name}" for name, query in queries.items())
    (row,) = await (await connection.execute(f"{_with(scope)} SELECT {columns}".encode(), scope.given)).fetchall()
    return row


async def cases_of(connection: AsyncConnection[DictRow], kpi: Kpi, scope: Scope, most: int) -> list[DictRow]:
    """What is behind a KPI, at most so many; each row knows their `total`."""
    query = _with(scope) + _CASES.format(sql=kpi.cases.sql, most=most)
    return await (await connection.execute(query.encode(), scope.given)).fetchall()


def _with(scope: Scope) -> str:
    return _BY_DAY if scope.by_day else _EXACT


def queries_of(scope: Scope, *, of_leads: bool | None = None) -> dict[str, str]:
    """The KPIs for `over_leads`; one that knows no team is left out where one is asked for. `of_leads`: only those that know
    teams, or (False) only those that do not.
    """
    return {
        kpi.name: kpi.sql
        for kpi in declared()
        if (scope.team is None or kpi.by_team) and of_leads in {None, kpi.by_team}
    }


def measured(row: DictRow) -> tuple[Measured, ...]:
    """The KPIs that are in a row of `over_leads`."""
    values = {kpi: row[kpi.name] for kpi in declared() if kpi.name in row}
    return tuple(Measured(kpi, None if value is None else float(value)) for kpi, value in values.items())


class Gauges:
    """The KPIs as Prometheus gets them; NaN: there was nothing to measure."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._gauges = {
            kpi.name: Gauge(f"fairlead_kpi_{kpi.name}_{kpi.unit}", f"{kpi.title}, last 24 h. {kpi.text}")
            for kpi in declared()
        }

    def close(self) -> None:
        """Take them from the registry."""
        for gauge in self._gauges.values():
            REGISTRY.unregister(gauge)

    async def measure(self) -> int:
        """Measure once more; 0, as nothing is left to do.

        Raises:
            psycopg.OperationalError: the database is away.
        """
        now = datetime.now(UTC)
        async with self._pool.connection() as connection:
            scope = Scope(now - WINDOW, now)
            for one in measured(await over_leads(connection, scope, queries_of(scope))):
                self._gauges[one.kpi.name].set(math.nan if one.value is None else one.value)
        return 0
