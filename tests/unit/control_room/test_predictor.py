"""The predictor's rounds: they go on without an engine and with nothing to learn from, and metrics say so."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from prometheus_client import REGISTRY
from pydantic import SecretStr

from tests.unit.control_room import foresights
from workers.control_room import foresight
from workers.control_room.prediction.attention import Attending
from workers.control_room.prediction.serving import Predictor
from workers.control_room.prediction.telling import Telling
from workers.engine.ports import free_port
from workers.runtime.database import Pool
from workers.runtime.zeebe import ZeebeClient
from workers.settings import Settings, Zeebe


def metric(name: str, **labels: str) -> float:
    found = REGISTRY.get_sample_value(f"fairlead_{name}", labels)
    assert found is not None, name
    return found


async def test_rounds_go_on_without_an_engine_and_trainings_are_not_tried_all_the_time(pool: Pool, dsn: str) -> None:
    settings = Settings(database_url=SecretStr(dsn), engine="embedded", zeebe=Zeebe(address=f"127.0.0.1:{free_port()}"))
    now = datetime.now(UTC)
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO control.user_tasks (key, element_key, instance_key, process_key, process, element, due_at, created_at,"
            " position) VALUES (7, 1, 7, 1, 'follow_up', 'make_contact', %s, %s, 1)",
            (now + timedelta(hours=1), now),
        )
    async with ZeebeClient(settings) as engine:
        predictor = Predictor(settings, pool, Attending(pool, engine, Telling(settings)))
        began = predictor.attended
        await predictor.round()
        assert predictor.missing is None
        assert predictor.predicted > began == predictor.attended
        for _ in range(2):
            await predictor.look()
    assert metric("prediction_trainings_total", outcome="too few") >= 1
    assert math.isnan(metric("prediction_brier", side="model"))
    async with pool.connection() as connection:
        state, card = await foresight.state(connection), await foresight.card(connection)
        assert len(card.trainings) == 1
        assert "not available" in (state.attention_problem or "")
        # A level that the table gave before, and a model that somebody put in use.
        await connection.execute("UPDATE control.predictions SET level = 'act'")
        await foresights.in_use(pool)
    async with ZeebeClient(settings) as engine:
        predictor = Predictor(settings, pool, Attending(pool, engine, Telling(settings)))
        await predictor.round()
        await predictor.look()
    assert metric("attention_cases", process="follow_up", level="act") == 1
    assert metric("attention_cases", process="follow_up", level="soon") == 0
    assert metric("prediction_brier", side="model") == foresights.FIGURES.brier.model
