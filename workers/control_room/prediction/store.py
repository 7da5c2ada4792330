"""Where models, trainings and predictions are kept; all in the caller's transaction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.control_room.foresight import Figures, Sides

if TYPE_CHECKING:  # it loads LightGBM, which who only asks does without
    from workers.control_room.prediction.model import Model

Connection = AsyncConnection[DictRow]
Outcome = Literal["in use", "not better", "none is good enough", "too few", "failed"]
KEPT = 10
"""Models that were in use, with the one that is; older ones go."""
NOTED = 200
"""Trainings whose outcome is kept."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """Of one open task; see table `control.predictions`."""

    key: int
    instance_key: int
    model: str | None
    risk: float | None
    low: float | None
    middle: float | None
    high: float | None
    speaks_for: tuple[str, ...]
    speaks_against: tuple[str, ...]
    at_risk: bool


async def clock(connection: Connection) -> datetime:
    """Now, by the database's clock: the one that all who predict share."""
    row = await (await connection.execute("SELECT clock_timestamp() AS now")).fetchone()
    assert row is not None  # it always answers
    found: datetime = row["now"]
    return found


async def artifact(connection: Connection) -> tuple[str, bytes] | None:
    """Version and bytes of the model in use, or None."""
    query = "SELECT version, artifact FROM prediction.models WHERE active"
    row = await (await connection.execute(query)).fetchone()
    return None if row is None else (row["version"], bytes(row["artifact"]))


async def version(connection: Connection) -> str | None:
    """The version alone: cheap enough to ask in each round."""
    row = await (await connection.execute("SELECT version FROM prediction.models WHERE active")).fetchone()
    return None if row is None else str(row["version"])


async def brier(connection: Connection) -> dict[str, float]:
    """Of the model in use, and of what it is held against; NaN: the rule holds."""
    row = await (await connection.execute("SELECT figures FROM prediction.models WHERE active")).fetchone()
    if row is None:
        return dict.fromkeys(Sides.model_fields, math.nan)
    return Figures.model_validate(row["figures"]).brier.model_dump()


async def put_in_use(connection: Connection, model: Model, figures: Figures) -> None:
    """Keep a model and use it from now on; of those before only the last few stay."""
    await retire(connection)
    await connection.execute(
        "INSERT INTO prediction.models (version, fitted_until, artifact, figures, active)"
        " VALUES (%s, to_timestamp(%s), %s, %s, true)",
        (model.version, model.fitted_until, model.to_bytes(), Jsonb(figures.model_dump(mode="json"))),
    )
    await connection.execute(
        "DELETE FROM prediction.models WHERE version NOT IN"
        " (SELECT version FROM prediction.models ORDER BY created_at DESC LIMIT %s)",
        (KEPT,),
    )


async def judged_again(connection: Connection, version_: str, figures: Figures) -> None:
    """The model in use has new figures, on newer tasks."""
    await connection.execute(
        "UPDATE prediction.models SET figures = %s WHERE version = %s",
        (Jsonb(figures.model_dump(mode="json")), version_),
    )


async def retire(connection: Connection) -> None:
    """Use no model: the rule holds."""
    await connection.execute("UPDATE prediction.models SET active = false WHERE active")


async def note_training(connection: Connection, outcome: Outcome, why: str, trained: str | None = None) -> None:
    """What became of a training."""
    await connection.execute(
        "INSERT INTO prediction.trainings (outcome, why, version) VALUES (%s, %s, %s)", (outcome, why[:2_000], trained)
    )
    await connection.execute(
        "DELETE FROM prediction.trainings WHERE id <="
        " (SELECT id FROM prediction.trainings ORDER BY id DESC OFFSET %s LIMIT 1)",
        (NOTED,),
    )


async def last_training(connection: Connection) -> tuple[Outcome, float] | None:
    """What became of the last one, and how many seconds ago; None: there was none."""
    query = """
        SELECT outcome, extract(epoch FROM clock_timestamp() - at)::float8 AS age
        FROM prediction.trainings ORDER BY id DESC LIMIT 1
    """
    row = await (await connection.execute(query)).fetchone()
    return None if row is None else (row["outcome"], row["age"])


async def write(connection: Connection, found: Sequence[Prediction], now: datetime) -> None:
    """Replace all predictions; what the table of attention said of a task stays until it is asked again."""
    await connection.execute(
        "DELETE FROM control.predictions WHERE key <> ALL (%s::bigint[])", ([one.key for one in found],)
    )
    await connection.cursor().executemany(
        """
        INSERT INTO control.predictions
            (key, instance_key, predicted_at, model, risk, low, middle, high, speaks_for, speaks_against, at_risk)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (key) DO UPDATE SET predicted_at = excluded.predicted_at, model = excluded.model,
            risk = excluded.risk, low = excluded.low, middle = excluded.middle, high = excluded.high,
            speaks_for = excluded.speaks_for, speaks_against = excluded.speaks_against, at_risk = excluded.at_risk
        """,
        [
            (
                one.key, one.instance_key, now, one.model, one.risk, one.low, one.middle, one.high,
                list(one.speaks_for), list(one.speaks_against), one.at_risk,
            )
            for one in found
        ],
    )  # fmt: skip


async def note_round(connection: Connection, now: datetime, model: str | None, problem: str | None) -> None:
    """How a round of predictions went."""
    await connection.execute(
        "UPDATE prediction.state SET predicted_at = %s, model = %s, problem = %s", (now, model, problem)
    )


async def note_attention(connection: Connection, problem: str | None) -> None:
    """How the table of attention answered; with a `problem` the time of its last answers stays."""
    await connection.execute(
        "UPDATE prediction.state SET attention_problem = %(problem)s,"
        " attended_at = CASE WHEN %(problem)s::text IS NULL THEN clock_timestamp() ELSE attended_at END",
        {"problem": problem},
    )
