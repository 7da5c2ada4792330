"""Predictions of everything that is open and has a due time, made anew in each round."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import structlog

from workers.control_room.prediction import history, store, words
from workers.control_room.prediction.features import Moments, matrix
from workers.control_room.prediction.history import LOOK_BACK, Floats, History
from workers.control_room.prediction.model import Model, ModelUnusable, from_bytes
from workers.control_room.prediction.store import Prediction
from workers.control_room.today import AT_RISK
from workers.runtime.database import Pool

log = structlog.get_logger()

OVERDUE = 1.0
"""The risk of what has run over: no prediction."""


class Scorer:
    """One round is `predict`; it takes up another model as soon as one is in use."""

    def __init__(self, pool: Pool, at_risk_from: float) -> None:
        self._pool = pool
        self._at_risk_from = at_risk_from
        self._model: Model | None = None
        self._version: str | None = None
        self._unusable: str | None = None

    async def predict(self, at: datetime | None = None) -> int:
        """Predict all open tasks; how many. `at` is taken as now; for simulations.

        Raises:
            psycopg.OperationalError: the database is away.
        """
        async with self._pool.connection() as connection:
            await self._take_up(connection)
            now = at or await store.clock(connection)
            tasks = await history.read(connection, now - timedelta(seconds=LOOK_BACK), now + timedelta(hours=1))
            open_now = np.flatnonzero(np.isnan(tasks.ended))
            # A broker's clock may be ahead of the database's: what was created "later" began just now.
            moments = Moments(open_now, np.maximum(now.timestamp(), tasks.created[open_now]))
            gone = await history.gone_through(connection, tasks.instance[open_now], moments.at)
        found, lost = await asyncio.to_thread(self._predicted, tasks, moments, gone)
        problem = self._unusable or (f"{lost} predictions were no numbers and were left out" if lost else None)
        async with self._pool.connection() as connection:
            await store.write(connection, found, now)
            await store.note_round(connection, now, None if self._model is None else self._version, problem)
        return len(found)

    async def _take_up(self, connection: store.Connection) -> None:
        if await store.version(connection) == self._version:
            return
        stored = await store.artifact(connection)
        self._model, self._version, self._unusable = None, None, None
        if stored is not None:
            self._version = stored[0]
            try:
                self._model = from_bytes(stored[1])
                log.info("another model is in use", action="prediction_model", version=self._version)
            except ModelUnusable as error:
                self._unusable = f"The model {self._version} can't be used: {error}."
                log.warning("the model can't be used", action="prediction_model_refused", reason=self._unusable)

    def _predicted(self, tasks: History, moments: Moments, gone: Floats) -> tuple[Sequence[Prediction], int]:
        """All of them, and of how many the model's answer was no number."""
        used = (moments.at - tasks.created[moments.task]) / np.maximum(
            tasks.due[moments.task] - tasks.created[moments.task], 1e-3
        )
        overdue = tasks.due[moments.task] <= moments.at
        if self._model is None:
            return [
                self._by_rule(tasks, int(task), part >= AT_RISK) for task, part in zip(moments.task, used, strict=True)
            ], 0
        table = matrix(tasks, moments, gone, self._model.numbers)
        predicted, moved = self._model.predict(table), self._model.contributions(table)
        found, lost = [], 0
        for number, task in enumerate(moments.task):
            times = predicted.remaining[number]
            reasons: tuple[tuple[str, ...], tuple[str, ...]]
            if not (np.isfinite(predicted.risk[number]) and np.isfinite(moved[number]).all()):
                found.append(self._by_rule(tasks, int(task), used[number] >= AT_RISK))
                lost += 1
                continue
            if overdue[number]:  # nothing was learned of what comes after
                risk, times, reasons = OVERDUE, np.full(3, np.nan), (("its due time is over",), ())
            else:
                risk, reasons = float(predicted.risk[number]), words.reasons(table[number], moved[number])
            low, middle, high = (float(one) if np.isfinite(one) else None for one in times)
            found.append(
                Prediction(
                    int(tasks.key[task]), int(tasks.instance[task]), self._version, risk, low, middle, high, *reasons,
                    at_risk=risk >= self._at_risk_from,
                )
            )  # fmt: skip
        return found, lost

    def _by_rule(self, tasks: History, task: int, at_risk: np.bool_ | bool) -> Prediction:
        key, instance = int(tasks.key[task]), int(tasks.instance[task])
        return Prediction(key, instance, None, None, None, None, None, (), (), bool(at_risk))
