"""What is learned from the log: nothing of the future, judged on newer tasks, used only if it is better."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np
import pytest
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr
from sklearn.metrics import brier_score_loss, mean_pinball_loss

from tests.unit.control_room.foresights import FIGURES
from workers.bench.prediction import BEGINS, KINDS, fill, log_of
from workers.bench.prediction_people import Town
from workers.control_room import foresight
from workers.control_room.prediction import contest, history, judging, scoring, store, training
from workers.control_room.prediction.child import train_apart
from workers.control_room.prediction.features import FEATURES, Moments, matrix
from workers.control_room.prediction.history import Floats, History
from workers.control_room.prediction.model import QUANTILES, Model, ModelUnusable, Predicted, from_bytes
from workers.control_room.projection import rows_of, write
from workers.runtime.database import Pool, open_pool
from workers.settings import Settings

DAYS = 25.6  # a Friday afternoon
ENDS = BEGINS + timedelta(days=DAYS)


@pytest.fixture(scope="module")
def past(template_database: str, copy_database: Callable[[str], Iterator[str]]) -> Iterator[str]:
    """Name of a database with four weeks of simulated people and a model trained on them, to copy from."""

    async def live(dsn: str) -> None:
        pool = await open_pool(dsn, max_size=3)
        try:
            await fill(pool, Town(1_200, DAYS, seed=3).live(), BEGINS)
            result = await contest.train(pool, 0.5, until=ENDS)
            assert result is not None
            assert result.outcome == "in use", result.why
        finally:
            await pool.close()

    for dsn in copy_database(template_database):
        asyncio.run(live(dsn))
        yield str(conninfo_to_dict(dsn)["dbname"])


@pytest.fixture
async def lived(past: str, copy_database: Callable[[str], Iterator[str]]) -> AsyncIterator[Pool]:
    for dsn in copy_database(past):
        pool = await open_pool(dsn, max_size=3)
        yield pool
        await pool.close()


async def known(pool: Pool, at: datetime, until: datetime) -> tuple[History, Moments, Floats]:
    """What the log tells up to `until` of the tasks that were open at a moment, and their features then."""
    async with pool.connection() as connection:
        tasks = await history.read(connection, at - timedelta(days=14), until)
        moment = at.timestamp()
        open_then = np.isnan(tasks.ended) | (tasks.ended > moment)
        moments = Moments(np.flatnonzero((tasks.created <= moment) & open_then), np.empty(0))
        moments = replace(moments, at=np.full(len(moments), moment))
        gone = await history.gone_through(connection, tasks.instance[moments.task], moments.at)
    places = {"lead_routing/accept_lead": 0, "lead_routing/triage_lead": 1}
    return tasks, moments, matrix(tasks, moments, gone, places)


async def test_features_are_the_same_however_the_log_goes_on(pool: Pool) -> None:
    log = log_of(Town(900, 10.6, seed=5).live(), BEGINS)
    cut = BEGINS + timedelta(days=8, hours=15)  # a Tuesday
    for later in (False, True):
        async with pool.connection() as connection:
            for name, records in log.items():
                part = [one for one in records if (one["timestamp"] > cut.timestamp() * 1_000) == later]
                await write(connection, rows_of(KINDS[name], part))
            if later:
                await connection.execute(
                    "INSERT INTO control.incidents (key, element_key, instance_key, process_key, process, element, kind,"
                    " message, raised_at, position) SELECT key, 1, key, 1, 'lead_routing', 'x', 'IO', 'm', %s, 1"
                    " FROM control.instances",
                    (cut + timedelta(seconds=1),),
                )
            else:
                await connection.execute("UPDATE control.user_tasks SET assignee = 'whoever'")
        if not later:
            before, moments, then = await known(pool, cut, cut)
            assert len(moments) > 10
            assert np.isnan(before.ended[moments.task]).all()
            keys = before.key[moments.task]
    after, moments, now = await known(pool, cut, ENDS)
    assert after.key[moments.task].tolist() == keys.tolist()
    assert not np.isnan(after.ended[moments.task]).all(), "the log did not go on"
    for number, name in enumerate(FEATURES):
        np.testing.assert_allclose(now[:, number], then[:, number], rtol=1e-9, err_msg=name)
    assert len({*map(tuple, np.nan_to_num(then))}) > 10, "the features tell tasks apart"
    _, _, a_minute_on = await known(pool, cut + timedelta(minutes=1), ENDS)
    assert a_minute_on[:, FEATURES.index("incidents")].min() == 1


async def read(pool: Pool) -> tuple[History, training.Slices, judging.Evidence]:
    async with pool.connection() as connection:
        tasks = await history.read(connection, BEGINS, ENDS)
        parted = training.slices(tasks, ENDS.timestamp())
        gone = partial(history.gone_through, connection)
        return tasks, parted, await judging.evidence(tasks, parted.judge, parted.until, gone)


async def model_of(pool: Pool) -> Model:
    async with pool.connection() as connection:
        stored = await store.artifact(connection)
    assert stored is not None
    return from_bytes(stored[1])


async def test_a_slice_knows_nothing_of_a_later_one(lived: Pool) -> None:
    tasks, parted, newest = await read(lived)
    for part, begins, ends in (
        (parted.fit, 0.0, parted.calibrate_from),
        (parted.calibrate, parted.calibrate_from, parted.judge_from),
        (parted.judge, parted.judge_from, parted.until),
    ):
        assert len(part) > 30
        assert begins <= tasks.created[part].min()
        assert tasks.due[part].max() <= ends
        assert tasks.settled[part].max() <= ends
    at = newest.spread.moments.at
    assert ((tasks.created[newest.spread.moments.task] <= at) & (at < tasks.due[newest.spread.moments.task])).all()
    assert np.nanmax(at + newest.spread.remaining) <= parted.until + 1e-3
    assert (await model_of(lived)).fitted_until == parted.judge_from


async def test_figures_are_those_of_others(lived: Pool) -> None:
    tasks, _, newest = await read(lived)
    model = await model_of(lived)
    found, spread = judging.judge(model, newest, 0.5), newest.spread
    said = model.predict(matrix(tasks, spread.moments, spread.gone, model.numbers))
    assert found.brier.model == pytest.approx(brier_score_loss(spread.late, said.risk))
    assert found.brier.rule == pytest.approx(float(np.mean((spread.used >= 0.8) != spread.late)))
    timed = spread.timed
    losses = [
        mean_pinball_loss(spread.remaining[timed], said.remaining[timed, number], alpha=part)
        for number, part in enumerate(QUANTILES)
    ]
    assert found.pinball == pytest.approx(np.mean(losses))
    assert found.brier.model < 0.8 * min(found.brier.shares, found.brier.base)
    assert found.ece.model < 0.1
    assert found.coverage is not None
    assert 0.65 < found.coverage < 0.95
    assert found.warned_by_rule.early == 0 < found.warned.early
    assert sum(one.moments for one in found.bins) == found.moments == len(spread)


GOOD, BETTER = FIGURES, FIGURES.model_copy(update={"brier": FIGURES.brier.model_copy(update={"model": 0.12})})
BAD = FIGURES.model_copy(update={"brier": FIGURES.brier.model_copy(update={"model": 0.23})})
SLOW = BETTER.model_copy(update={"pinball": 9_000.0})


@pytest.mark.parametrize(
    ("new", "present", "outcome"),
    [
        (GOOD, None, "in use"),
        (BETTER, GOOD, "in use"),
        (GOOD, GOOD, "not better"),
        (SLOW, GOOD, "not better"),
        (BAD, GOOD, "not better"),
        (GOOD, BAD, "in use"),
        (BAD, BAD, "none is good enough"),
        (BAD, None, "none is good enough"),
    ],
)
def test_the_better_one_is_in_use_and_the_rule_if_none_is(
    new: foresight.Figures, present: foresight.Figures | None, outcome: str
) -> None:
    assert contest._decide(new, None if present is None else ("old", present), "")[0] == outcome


async def test_a_model_stays_until_a_better_one_comes(lived: Pool) -> None:
    champion = await model_of(lived)
    again = await contest.train(lived, 0.5, until=ENDS)
    assert again is not None
    assert again.outcome == "not better"
    assert (await model_of(lived)).version == champion.version
    async with lived.connection() as connection:  # one that knows nothing is beaten
        await store.put_in_use(connection, replace(champion, version="dull", slope=0.0, intercept=0.0), FIGURES)
    better = await contest.train(lived, 0.5, until=ENDS + timedelta(seconds=1))
    assert better is not None
    assert better.outcome == "in use", better.why
    async with lived.connection() as connection:
        card = await foresight.card(connection)
    assert card.figures == better.figures
    assert [one["outcome"] for one in card.trainings] == ["in use", "not better", "in use"]


async def test_what_is_open_is_predicted_with_reasons(lived: Pool) -> None:
    async with lived.connection() as connection:
        await connection.execute(
            """
            INSERT INTO control.user_tasks (key, element_key, instance_key, process_key, process, element, users, due_at,
                                            created_at, ended_at, completed, position)
            SELECT key, 1, 2, 1, 'lead_routing', 'accept_lead', '{rep-1}', %(at)s + due, %(at)s + created, %(at)s + ended,
                   CASE WHEN ended IS NOT NULL THEN true END, 1
            FROM (VALUES (1::bigint, interval '1 h', interval '2 min', NULL::interval),  -- a clock is ahead
                         (2, '-1 h', '-2 h', NULL), (3, '1 h', '-1 h', '-2 h'),          -- over; ended before it began
                         (4, '-2 h', '-1 h', NULL), (5, NULL, '-1 h', NULL)              -- due before it began; never
                 ) AS odd (key, due, created, ended)
            """,
            {"at": ENDS},
        )
    number = await scoring.Scorer(lived, 0.5).predict(ENDS)
    async with lived.connection() as connection:
        found = {
            row["key"]: row for row in await (await connection.execute("SELECT * FROM control.predictions")).fetchall()
        }
    assert number == len(found) > 10
    assert {1, 2, 4} <= set(found)
    assert not {3, 5} & set(found)
    assert found[2]["risk"] == found[4]["risk"] == 1
    assert found[2]["middle"] is None
    usual = [row for row in found.values() if row["risk"] < 1]
    assert all(0 < row["risk"] < 1 and 0 <= row["low"] <= row["middle"] <= row["high"] for row in usual)
    assert all(row["at_risk"] == (row["risk"] >= 0.5) for row in found.values())
    assert all(row["speaks_for"] or row["speaks_against"] for row in usual)
    async with lived.connection() as connection:
        await connection.execute("TRUNCATE control.user_tasks")
    assert await scoring.Scorer(lived, 0.5).predict(ENDS) == 0
    async with lived.connection() as connection:
        assert not await foresight.attention(connection, everything=True)


async def test_a_model_that_can_not_be_used_leaves_the_rule(lived: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    good = await model_of(lived)
    content = zlib.decompress(good.to_bytes())
    for old, new, why in (
        (b'"format": 1', b'"format": 2', "format 2"),
        (b'"steps"', b'"stops"', "other features"),
        (b'"slope": ', b'"slope": NaN, "was": ', "NaN is no number"),
    ):
        spoilt = zlib.compress(content.replace(old, new))
        with pytest.raises(ModelUnusable, match=why):
            from_bytes(spoilt)
    with pytest.raises(ValueError, match="not JSON compliant"):
        replace(good, widen=float("nan")).to_bytes()
    whole = good.to_bytes()
    for damaged in (whole[:-9], whole[:500] + b"x" + whole[501:], b""):
        with pytest.raises(ModelUnusable, match="damaged"):
            from_bytes(damaged)
    async with lived.connection() as connection:
        await connection.execute("UPDATE prediction.models SET artifact = %s", (spoilt,))
    assert await scoring.Scorer(lived, 0.5).predict() > 0
    async with lived.connection() as connection:
        state = await foresight.state(connection)
        row = await (
            await connection.execute("SELECT bool_and(risk IS NULL) AS bare FROM control.predictions")
        ).fetchone()
    assert row == {"bare": True}
    assert state.model is None
    assert "can't be used" in (state.problem or "")

    async with lived.connection() as connection:
        await connection.execute("UPDATE prediction.models SET artifact = %s, version = 'whole'", (good.to_bytes(),))
    nothing = np.full(3, np.nan)
    monkeypatch.setattr(
        Model, "predict", lambda _, rows: Predicted(np.full(len(rows), np.nan), np.tile(nothing, (len(rows), 1)))
    )
    await scoring.Scorer(lived, 0.5).predict(ENDS)
    async with lived.connection() as connection:
        row = await (await connection.execute("SELECT problem FROM prediction.state")).fetchone()
    assert row is not None
    assert "no numbers" in row["problem"]


async def test_too_little_to_learn_from_is_said_and_the_rule_holds(pool: Pool, dsn: str) -> None:
    now = datetime.now(UTC)
    async with pool.connection() as connection:
        assert "has not predicted anything yet" in ((await foresight.state(connection)).problem or "")
        await connection.execute(
            "INSERT INTO control.user_tasks (key, element_key, instance_key, process_key, process, element, due_at, created_at,"
            " position) SELECT i, 1, i, 1, 'follow_up', 'make_contact', %s, %s, 1 FROM generate_series(1, 3) AS i",
            (now + timedelta(minutes=10), now - timedelta(minutes=90)),
        )
    answer = await train_apart(Settings(database_url=SecretStr(dsn)))  # in a process of its own, as always
    assert (answer.outcome, "300 are needed" in answer.why) == ("too few", True)
    assert await scoring.Scorer(pool, 0.5).predict() == 3
    async with pool.connection() as connection:
        state = await foresight.state(connection)
        rows = await (await connection.execute("SELECT risk, at_risk FROM control.predictions")).fetchall()
    assert rows == [{"risk": None, "at_risk": True}] * 3
    assert "0 tasks were due so far" in (state.problem or "")
