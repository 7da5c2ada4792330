"""The built-in targets of forecasts, CRM and ERP, on PostgreSQL (schemas crm and erp). They stand for other systems:
connections and transactions of their own, written through the outbox only.

A target keeps each version that it ever got, and a log of what was put in use when. The latest change that was not
undone is what it works with: undoing one therefore gives back exactly what was there before, leaves a newer change as it
is, and never brings back one that was undone itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import AsyncConnection, sql
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.forecast_review.domain.publication import SendingState, Target
from workers.forecast_review.ports.publication import CrmDown, CrmResting
from workers.runtime.database import Pool
from workers.runtime.errors import PermanentError
from workers.runtime.outbox import OutboxRow
from workers.runtime.outside import OutsideDatabase


class CrmDatabase(OutsideDatabase):
    """The way to the CRM's forecasts; raises `CrmDown` and `CrmResting`."""

    title = "CRM"
    dependency = "crm_forecast"
    down = CrmDown
    resting = CrmResting


@dataclass(frozen=True, slots=True)
class _Word:
    """What the target says to a change."""

    state: SendingState
    why: str
    in_use: str | None
    former: str | None = None


class ForecastDelivery:
    """Carries versions to a target, and takes them back there.

    The payload is ``{change_id, version}``, with ``undo: true`` to take it back. Figures are read from our tables, so
    that the outbox stays small. What the target said stands in `forecasting.sendings` afterwards.
    """

    def __init__(self, database: OutsideDatabase, target: Target, pool: Pool) -> None:
        self._database = database
        self._schema = sql.Identifier(target)
        self._pool = pool

    async def __call__(self, row: OutboxRow) -> None:
        """Deliver one row; a repeat changes nothing and gets the same word.

        Raises:
            TransientError: the target did not answer.
            PermanentError: the payload is not one of ours, or the version is gone.
        """
        change, version = row.payload.get("change_id"), row.payload.get("version")
        if not (isinstance(change, str) and isinstance(version, str)):
            raise PermanentError("This change of a forecast names no version; drop it, or correct its payload.")
        published = await self._published(version)
        figures = {} if row.payload.get("undo") else await self._figures(version)
        async with self._database.transaction() as there:
            terms = await self._terms(there, published["organisation"])
            if row.payload.get("undo"):
                word = await self._undo(there, change, published["organisation"])
            else:
                word = await self._put(there, change, version, published, figures, terms)
        await self._note(change, word)

    async def _put(
        self,
        there: AsyncConnection[DictRow],
        change: str,
        version: str,
        published: DictRow,
        figures: dict[str, Any],
        terms: DictRow,
    ) -> _Word:
        known = await self._change(there, change)
        if known is not None and known["undone_at"] is not None:
            return _Word("restored", "it was taken back before it came", await self._in_use(there, published))
        if known is not None:
            former = await self._in_use(there, published, before=known["id"])
            return _Word("delivered", "", await self._in_use(there, published), former)
        former = await self._in_use(there, published)
        if refusal := _refusal(published, terms):
            return _Word("refused", refusal, former, former)
        await there.execute(
            self._sql(
                "INSERT INTO {}.forecast_versions (version, organisation, unit, currency, months, figures)"
                " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"  # a second attempt at the same version
            ),
            (
                *(version, published["organisation"], published["unit"], published["currency"], published["months"]),
                Jsonb(figures),
            ),
        )
        await there.execute(
            self._sql("INSERT INTO {}.forecast_changes (organisation, version, change_id) VALUES (%s, %s, %s)"),
            (published["organisation"], version, change),
        )
        return _Word("delivered", "", version, former)

    async def _undo(self, there: AsyncConnection[DictRow], change: str, organisation: str) -> _Word:
        # Where it never came, a row is left that keeps it from coming later.
        await there.execute(
            self._sql(
                "INSERT INTO {}.forecast_changes (organisation, change_id, undone_at) VALUES (%s, %s, clock_timestamp())"
                " ON CONFLICT (change_id) DO UPDATE SET undone_at ="
                " coalesce(forecast_changes.undone_at, excluded.undone_at)"
            ),
            (organisation, change),
        )
        known = await self._change(there, change)
        assert known is not None  # inserted above
        now = await self._in_use(there, known)
        former = await self._in_use(there, known, before=known["id"])
        return _Word("restored", "" if now == former else "a newer version stays", now, former)

    async def _terms(self, there: AsyncConnection[DictRow], organisation: str) -> DictRow:
        """What the target takes of the organisation; the row is locked, so that its changes come one after the other."""
        await there.execute(
            self._sql("INSERT INTO {}.forecast_terms (organisation) VALUES (%s) ON CONFLICT DO NOTHING"),
            (organisation,),
        )
        cursor = await there.execute(
            self._sql("SELECT * FROM {}.forecast_terms WHERE organisation = %s FOR UPDATE"), (organisation,)
        )
        row = await cursor.fetchone()
        assert row is not None  # inserted above
        return row

    async def _change(self, there: AsyncConnection[DictRow], change: str) -> DictRow | None:
        cursor = await there.execute(
            self._sql("SELECT id, organisation, undone_at FROM {}.forecast_changes WHERE change_id = %s"), (change,)
        )
        return await cursor.fetchone()

    async def _in_use(self, there: AsyncConnection[DictRow], of: DictRow, *, before: int | None = None) -> str | None:
        """What the organisation works with; `before` a change: without it and what came later."""
        cursor = await there.execute(
            self._sql(
                "SELECT version FROM {}.forecast_changes WHERE organisation = %s AND undone_at IS NULL"
                " AND (%s::bigint IS NULL OR id < %s) ORDER BY id DESC LIMIT 1"
            ),
            (of["organisation"], before, before),
        )
        row = await cursor.fetchone()
        return None if row is None else row["version"]

    def _sql(self, statement: LiteralString) -> sql.Composed:
        return sql.SQL(statement).format(self._schema)

    async def _published(self, version: str) -> DictRow:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT p.organisation, p.months, o.unit, o.currency FROM forecasting.publications p"
                " JOIN forecasting.organisations o ON o.id = p.organisation WHERE p.version = %s",
                (version,),
            )
            row = await cursor.fetchone()
        if row is None:
            raise PermanentError(f"The version {version} is not stored any more; drop this row.")
        return row

    async def _figures(self, version: str) -> dict[str, Any]:  # Any: JSON
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT segment, final FROM forecasting.published_segments WHERE version = %s", (version,)
            )
            return {row["segment"]: row["final"] for row in await cursor.fetchall()}

    async def _note(self, change: str, word: _Word) -> None:
        async with self._pool.connection() as connection:
            # What was refused was never in use there: taking it back is no news.
            await connection.execute(
                """
                UPDATE forecasting.sendings SET state = %(state)s, why = %(why)s, former = %(former)s,
                    in_use = %(in_use)s, settled_at = clock_timestamp()
                WHERE change_id = %(change)s AND NOT (state = 'refused' AND %(state)s = 'restored')
                """,
                {
                    "change": change,
                    "state": word.state,
                    "why": word.why,
                    "former": word.former,
                    "in_use": word.in_use,
                },
            )


def _refusal(published: DictRow, terms: DictRow) -> str:
    """Why the target does not take the version; empty: it does."""
    if terms["currency"] and terms["currency"] != published["currency"]:
        return f"it takes {terms['currency']} only, and the forecast is in {published['currency'] or 'no currency'}"
    first = published["months"][0]
    if terms["closed_through"] and first <= terms["closed_through"]:
        return f"its books are closed up to {terms['closed_through']}, and the forecast begins with {first}"
    return ""
