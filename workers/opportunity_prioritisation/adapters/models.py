"""Win models on PostgreSQL (table selling.win_models): plain numbers as JSON, with the card beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb
from pydantic import TypeAdapter, ValidationError

from workers.opportunity_prioritisation.domain.winning import WinModel
from workers.opportunity_prioritisation.ports.models import WinModelUnavailable
from workers.runtime.work import Work

_MODEL = TypeAdapter(WinModel)


class PostgresWinModels:
    """`WinModelShelf` on the job's connection."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def active(self) -> WinModel:
        """See `WinModelShelf.active`."""
        cursor = await self._work.connection.execute("SELECT model FROM selling.win_models WHERE active")
        row = await cursor.fetchone()
        if row is None:
            raise WinModelUnavailable("No win model was trained. Do so by `fairlead opportunities train`.")
        try:
            return _MODEL.validate_python(row["model"])
        except ValidationError as error:
            raise WinModelUnavailable(f"The win model can't be read ({error.error_count()} faults).") from None


async def store(connection: AsyncConnection[DictRow], model: WinModel, card: Mapping[str, Any]) -> bool:
    """Store a model and use it from now on; False if this very model was stored before (it is used then)."""
    await connection.execute(
        "UPDATE selling.win_models SET active = false WHERE active AND version <> %s", (model.version,)
    )
    cursor = await connection.execute(
        "INSERT INTO selling.win_models (version, model, card, active) VALUES (%s, %s, %s, true)"
        " ON CONFLICT (version) DO UPDATE SET active = true RETURNING (xmax = 0) AS new",
        (model.version, Jsonb(asdict(model)), Jsonb(dict(card))),
    )
    row = await cursor.fetchone()
    return bool(row and row["new"])


async def card_of(connection: AsyncConnection[DictRow]) -> dict[str, Any] | None:
    """The card of the model in use; None: none is."""
    cursor = await connection.execute("SELECT card FROM selling.win_models WHERE active")
    row = await cursor.fetchone()
    return row["card"] if row else None
