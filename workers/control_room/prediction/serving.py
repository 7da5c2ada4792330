"""The process `fairlead readmodel predict run`: predicts, asks the table of attention, tells people, trains now and then."""

from __future__ import annotations

import time

import structlog
from prometheus_client import Counter, Gauge

from workers.control_room.foresight import LEVELS
from workers.control_room.prediction import store
from workers.control_room.prediction.attention import Attending
from workers.control_room.prediction.child import train_apart
from workers.control_room.prediction.scoring import Scorer
from workers.control_room.prediction.telling import Telling
from workers.runtime.database import Pool, open_pool, outdated
from workers.runtime.housekeeping import asked_to_stop, beside
from workers.runtime.probes import Probes, State
from workers.runtime.zeebe import ZeebeClient
from workers.settings import Settings

log = structlog.get_logger()

CASES = Gauge(
    "fairlead_attention_cases", "Open cases by what the table of attention says of them.", ["process", "level"]
)
PREDICTED_AGE = Gauge("fairlead_prediction_age_seconds", "Since when nothing was predicted.")
ATTENDED_AGE = Gauge(
    "fairlead_attention_age_seconds", "Since when the table of attention did not answer for all cases."
)
BRIER = Gauge(
    "fairlead_prediction_brier", "Brier score of the model in use on newer tasks; NaN: the rule holds.", ["side"]
)
TRAININGS = Counter("fairlead_prediction_trainings", "Trainings by what became of them.", ["outcome"])

CONNECTIONS = 3
ROUND_SECONDS = 30.0
"""Between two rounds of predictions; each is followed by the table of attention."""
LOOK_SECONDS = 60.0
"""Between two looks whether it is time to train, and at the figures in use."""
TRY_AGAIN_SECONDS = 1_800.0
"""After a training that had too little to learn from, or failed."""
FORGET_SECONDS = 3_600.0


class Predictor:
    """What is done again and again, each a chore of `regularly`."""

    def __init__(self, settings: Settings, pool: Pool, attending: Attending) -> None:
        self._settings = settings
        self._pool = pool
        self._scorer = Scorer(pool, settings.control_room.at_risk_from)
        self._attending = attending
        self._known: set[tuple[str, str]] = set()
        self.predicted = self.attended = time.monotonic()
        """When a round went well last; at first when it was begun."""
        self.missing: str | None = "not begun"

    async def round(self) -> int:
        """Predict, then ask the table; 0, as nothing is left to do until the next."""
        async with self._pool.connection() as connection:
            if await outdated(connection):
                self.missing = "the schema is old: run `fairlead db upgrade`"
                return 0
        await self._scorer.predict()
        self.predicted = time.monotonic()
        self.missing = None
        counted, problem = await self._attending.attend()
        if problem is None:
            self.attended = time.monotonic()
        # A level that nothing has any more counts none, and is not forgotten.
        self._known |= set(counted) | {(process, level) for process, _ in counted for level in LEVELS}
        for process, level in self._known:
            CASES.labels(process, level).set(counted.get((process, level), 0))
        return 0

    async def look(self) -> int:
        """Train if it is time, and show the figures of the model in use."""
        async with self._pool.connection() as connection:
            if await outdated(connection):
                return 0
            last = await store.last_training(connection)
        seconds = self._settings.control_room.train_hours * 3_600
        if last is None or last[1] > (
            seconds if last[0] not in {"too few", "failed"} else min(seconds, TRY_AGAIN_SECONDS)
        ):
            await self._train()
        async with self._pool.connection() as connection:
            brier = await store.brier(connection)
        for side, value in brier.items():
            BRIER.labels(side).set(value)
        return 0

    async def _train(self) -> None:
        answer = await train_apart(self._settings)
        log.info("trained", action="prediction_trained", outcome=answer.outcome, why=answer.why)
        if answer.outcome is not None:
            TRAININGS.labels(answer.outcome).inc()
        if answer.outcome == "failed":
            async with self._pool.connection() as connection:
                await store.note_training(connection, "failed", answer.why)


async def serve(settings: Settings, metrics_port: int) -> None:
    """Predict until SIGTERM or SIGINT. Database and engine may come later, and may go and come back.

    Raises:
        OSError: the metrics port is taken.
    """
    stop = asked_to_stop()
    pool = await open_pool(settings.dsn, max_size=CONNECTIONS)
    try:
        async with ZeebeClient(settings) as engine:
            telling = Telling(settings)
            predictor = Predictor(settings, pool, Attending(pool, engine, telling))

            def state() -> State:
                return {"ready": not stop.is_set(), "missing": predictor.missing, "stopping": stop.is_set()}

            async def forget() -> int:
                async with pool.connection() as connection:
                    return await telling.forget(connection)

            PREDICTED_AGE.set_function(lambda: time.monotonic() - predictor.predicted)
            ATTENDED_AGE.set_function(lambda: time.monotonic() - predictor.attended)
            probes = Probes(settings.bind_host, metrics_port, state)
            log.info("prediction started", action="prediction_started")
            try:
                async with beside(
                    ("predictions", ROUND_SECONDS, predictor.round),
                    ("training of the prediction", LOOK_SECONDS, predictor.look),
                    ("what was told long ago", FORGET_SECONDS, forget),
                ):
                    await stop.wait()
            finally:
                probes.close()
        log.info("prediction stopped", action="prediction_stopped")
    finally:
        await pool.close()
