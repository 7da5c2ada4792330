"""Figures and predictions as the predictor leaves them, for pages; real ones are made in test_prediction.py."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from psycopg.types.json import Jsonb

from workers.control_room.foresight import Bin, Figures, Sides, Warned
from workers.control_room.prediction import store
from workers.control_room.prediction.store import Prediction
from workers.runtime.database import Pool

VERSION = "prediction-20261126T120000"
FIGURES = Figures(
    tasks=1_460, moments=3_310, since=datetime(2026, 11, 3, tzinfo=UTC), until=datetime(2026, 11, 25, tzinfo=UTC), late=0.22,
    brier=Sides(model=0.1367, shares=0.2295, rule=0.4983, base=0.2426),
    ece=Sides(model=0.034, shares=0.018, rule=0.498, base=0.02), auc=0.884,
    bins=tuple(Bin(moments=331, predicted=part / 10 + 0.05, observed=(part / 10) ** 1.1 + 0.03) for part in range(10)),
    timed=2_980, pinball=6_446, usual=10_073, coverage=0.83, at_risk_from=0.5,
    warned=Warned(caught=0.99, right=0.67, ahead=1_200, early=0.94),
    warned_by_rule=Warned(caught=1.0, right=0.82, ahead=240, early=0.0),
)  # fmt: skip


async def in_use(pool: Pool, figures: Figures = FIGURES) -> None:
    """A model is in use, as far as pages can tell."""
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO prediction.models (version, fitted_until, artifact, figures, active) VALUES (%s, %s, '', %s, true)",
            (VERSION, figures.since, Jsonb(figures.model_dump(mode="json"))),
        )
        await store.note_training(
            connection, "in use", "Brier score 0.1367 on 1460 newer tasks, the rule 0.2295.", VERSION
        )


async def predict(pool: Pool, risks: Mapping[int, float], *, at: datetime | None = None, levels: str = "act") -> None:
    """Predictions of the open tasks of instances, with what the table said: the first at `levels`, the others to watch."""
    async with pool.connection() as connection:
        rows = await (
            await connection.execute(
                "SELECT key, instance_key FROM control.user_tasks WHERE ended_at IS NULL AND instance_key = ANY(%s)",
                (list(risks),),
            )
        ).fetchall()
        found = [
            Prediction(
                row["key"], row["instance_key"], VERSION, risks[row["instance_key"]], 600.0, 2_400.0, 9_000.0,
                ("whoever has it has 7 open tasks", "62 % of its time are gone"), ("38 min are left",),
                at_risk=risks[row["instance_key"]] >= 0.5,
            )
            for row in rows
        ]  # fmt: skip
        now = at or datetime.now(UTC) - timedelta(seconds=5)
        await store.write(connection, found, now)
        await store.note_round(connection, now, VERSION, None)
        for number, one in enumerate(sorted(found, key=lambda one: -(one.risk or 0))):
            await connection.execute(
                "UPDATE control.predictions SET level = %s, tell = 'person', worth = 3, level_at = now(),"
                " level_why = 'It will probably run over, and much depends on it.' WHERE key = %s",
                (levels if number == 0 else "watch", one.key),
            )
        await store.note_attention(connection, None)
