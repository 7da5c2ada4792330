"""One training: read, fit, judge, and keep the new model only if it is the better one.

Three are held against each other on the newest tasks, which none of them has seen: the new model, the one in use, and
the rule as a probability. Who has the lowest Brier score is in use afterwards; a model that is no better than the rule is
not used at all.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from workers.control_room.foresight import Figures
from workers.control_room.prediction import history, store
from workers.control_room.prediction.judging import Evidence, evidence, judge
from workers.control_room.prediction.model import Model, ModelUnusable, from_bytes
from workers.control_room.prediction.training import TooFew, fit, moments_of, rows, slices
from workers.runtime.database import Pool, alone

TRAINED_DAYS = 180
"""Tasks that began longer ago are not learned from: people and rules change."""
WORSE_TIMES = 1.05
"""A new model's remaining times may be so much worse than those in use, if its risks are better."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a training."""

    outcome: store.Outcome
    why: str
    model: Model | None = None
    figures: Figures | None = None
    """Of the new model."""


async def train(pool: Pool, at_risk_from: float, *, until: datetime | None = None) -> Result | None:
    """Train, and note what came of it; None: somebody else trains at the moment.

    Args:
        pool: of the database.
        at_risk_from: risk from which on a case is shown as at risk; figures of warnings are by it.
        until: take it as now; for simulations.

    Raises:
        psycopg.OperationalError: the database is away.
    """
    async with alone(pool, "fairlead prediction training") as free:
        return await _contest(pool, at_risk_from, until) if free else None


async def _contest(pool: Pool, at_risk_from: float, until: datetime | None) -> Result:
    async with pool.connection() as connection:
        now = until or await store.clock(connection)
        tasks = await history.read(connection, now - timedelta(days=TRAINED_DAYS), now)
        try:
            parted = slices(tasks, now.timestamp())
        except TooFew as few:
            await store.note_training(connection, "too few", str(few))
            return Result("too few", str(few))
        gone = partial(history.gone_through, connection)
        to_fit = await rows(tasks, moments_of(tasks, parted.fit), parted.calibrate_from, gone)
        to_calibrate = await rows(tasks, moments_of(tasks, parted.calibrate), parted.judge_from, gone)
        newest = await evidence(tasks, parted.judge, parted.until, gone)
        stored = await store.artifact(connection)
    model = await asyncio.to_thread(fit, tasks, to_fit, to_calibrate, parted)
    figures = await asyncio.to_thread(judge, model, newest, at_risk_from)
    present, spoilt = await asyncio.to_thread(_present, stored, newest, at_risk_from)
    outcome, why = _decide(figures, present, spoilt)
    async with pool.connection() as connection:
        if outcome == "in use":
            await store.put_in_use(connection, model, figures)
        elif outcome == "none is good enough":
            await store.retire(connection)
        elif present is not None:
            await store.judged_again(connection, *present)
        await store.note_training(connection, outcome, why, model.version)
    return Result(outcome, why, model, figures)


def _present(
    stored: tuple[str, bytes] | None, newest: Evidence, at_risk_from: float
) -> tuple[tuple[str, Figures] | None, str]:
    """The model in use on the newest tasks, or why it can't be held against a new one."""
    if stored is None:
        return None, ""
    try:
        champion = from_bytes(stored[1])
    except ModelUnusable as error:
        return None, f"{stored[0]} was given up: {error}"
    if newest.history.created[newest.tasks].min() < champion.fitted_until:
        return None, f"{stored[0]} was given up: it has seen some of these tasks, as the log was another one then"
    return (stored[0], judge(champion, newest, at_risk_from)), ""


def _decide(new: Figures, present: tuple[str, Figures] | None, spoilt: str) -> tuple[store.Outcome, str]:
    said = f"Brier score {new.brier.model:.4f} on {new.tasks} newer tasks, the rule {new.brier.shares:.4f}"
    if present is not None and _good(present[1]) and not (_good(new) and _better(new, present[1])):
        return "not better", f"{said}; {present[0]}, with {present[1].brier.model:.4f}, stays in use."
    if not _good(new):
        return "none is good enough", f"{said}: no better than the rule, which holds."
    before = f"{said}, the one before {present[1].brier.model:.4f}." if present is not None else f"{said}."
    return "in use", f"{before} {spoilt}".strip()


def _good(figures: Figures) -> bool:
    """Whether the risks are worth more than what one knows without a model."""
    return figures.brier.model < min(figures.brier.shares, figures.brier.base)


def _better(new: Figures, present: Figures) -> bool:
    if new.pinball is not None and present.pinball is not None and new.pinball > WORSE_TIMES * present.pinball:
        return False
    return new.brier.model < present.brier.model
