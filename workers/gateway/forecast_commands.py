"""What a person or a system may do to forecasts from outside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.forecast_review.adapters.asking import ask_review, ask_upkeep
from workers.forecast_review.adapters.sales import Sale, Stored, put_sales
from workers.forecast_review.domain.organisation import Organisation
from workers.gateway.intake import send_message

Connection = AsyncConnection[DictRow]


class ForecastUnknown(LookupError):
    """There is no such review."""


class ForecastFinished(ValueError):
    """The review has ended; `state` says how."""

    def __init__(self, state: str) -> None:
        super().__init__(f"The review is {state} already.")
        self.state = state


class ReviewOpen(ValueError):
    """A review of the organisation is under way."""

    def __init__(self, forecast_id: str) -> None:
        super().__init__(f"The review {forecast_id} is under way.")
        self.forecast_id = forecast_id


async def start(connection: Connection, organisation: str, *, actor: str) -> tuple[str, bool]:
    """Ask for a review in the connection's transaction; its id, and False if it was asked for in the same second.

    Raises:
        ReviewOpen: one is under way. One that is asked for at the same moment joins it in the process.
    """
    found = await connection.execute(
        "SELECT forecast_id FROM forecasting.reviews WHERE organisation = %s AND state = 'open'", (organisation,)
    )
    if (row := await found.fetchone()) is not None:
        raise ReviewOpen(row["forecast_id"])
    return await ask_review(connection, organisation, "by_hand", actor, datetime.now(UTC))


async def withdraw(connection: Connection, forecast_id: str, why: str, *, actor: str, ttl_seconds: int) -> bool:
    """Ask the review's process to stop and to undo what it did; False if that was asked before.

    The message goes behind `forecast_requested` in the outbox, so that it finds the process even of a review just
    asked for.

    Raises:
        ForecastUnknown: no review of this id was opened or asked for.
        ForecastFinished: nothing is left to stop.
    """
    async with connection.transaction():
        found = await connection.execute(
            """
            SELECT coalesce(
                (SELECT state FROM forecasting.reviews WHERE forecast_id = %(id)s),
                (SELECT 'open' WHERE EXISTS (SELECT FROM runtime.outbox WHERE channel = 'zeebe.message'
                        AND external_id = 'forecast_requested:' || %(id)s)
                    OR EXISTS (SELECT FROM runtime.delivered WHERE channel = 'zeebe.message'
                        AND external_id = 'forecast_requested:' || %(id)s))) AS state
            """,
            {"id": forecast_id},
        )
        row = await found.fetchone()
        if row is None or row["state"] is None:
            raise ForecastUnknown(f"There is no review {forecast_id}.")
        if row["state"] != "open":
            raise ForecastFinished(row["state"])
        asked = await send_message(connection, "forecast_withdrawn", forecast_id, {"withdraw_why": why}, ttl_seconds)
        if asked:
            await connection.execute(
                "INSERT INTO runtime.timeline (business_id, actor, action, why, facts) VALUES (%s, %s, %s, %s, %s)",
                (forecast_id, actor, "withdrawal_asked", why, Jsonb({})),
            )
        return asked


async def take_sales(
    connection: Connection, organisation: Organisation, sales: Sequence[Sale], *, actor: str, now: datetime
) -> Stored:
    """Store fresh sales, and have the forecast looked at if they say something new; all in one transaction."""
    async with connection.transaction():
        stored = await put_sales(connection, organisation, sales, source=actor)
        if stored.new or stored.changed:
            await ask_upkeep(connection, organisation.id, now)
        return stored


def is_over(month: date, now: datetime) -> bool:
    """Whether a month has ended everywhere."""
    return (month.year, month.month) < (now.year, now.month)
