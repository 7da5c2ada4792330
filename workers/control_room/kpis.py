"""The KPIs: declared in ``kpis.yaml``, measured the same for the page and for Prometheus."""

from __future__ import annotations

import math
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
from workers.runtime.database import Pool

Unit = Literal["seconds", "ratio", "per_thousand"]

WINDOW = timedelta(hours=24)
"""What Prometheus gets is of the last so much time."""


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


@dataclass(frozen=True, slots=True)
class Scope:
    """What figures are asked for: leads received, and instances started, in this time; of one team or of all."""

    since: datetime
    until: datetime
    team: str | None = None

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


async def measure(connection: AsyncConnection[DictRow], scope: Scope) -> list[Measured]:
    """Every KPI for a scope; one that knows no team is left out where one is asked for."""
    found = []
    for kpi in declared():
        if scope.team is None or kpi.by_team:
            row = await (await connection.execute(kpi.sql.encode(), scope.given)).fetchone()
            value = next(iter(row.values())) if row else None
            found.append(Measured(kpi, None if value is None else float(value)))
    return found


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
            for one in await measure(connection, Scope(now - WINDOW, now)):
                self._gauges[one.kpi.name].set(math.nan if one.value is None else one.value)
        return 0
