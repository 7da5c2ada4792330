"""Camunda's open defect #16884: the engine forgets that a failed job waits for its next try. It is seen, and healed."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.embedded_board import HEALING_RULES
from tests.unit.operations.conftest import Trouble, eventually, rows
from workers.control_room.following import forget
from workers.control_room.projection import KINDS, rows_of, write
from workers.engine.embedded import EmbeddedEngine
from workers.healing import switch
from workers.healing.hands import Hands
from workers.healing.healer import Healer
from workers.healing.watching import Watch
from workers.operations import audit
from workers.operations.audit import Actor
from workers.runtime.database import Pool
from workers.runtime.zeebe_types import Job, Refused
from workers.settings import Settings

BACK_OFF = 0.5


def forget_back_offs(engine: EmbeddedEngine) -> None:
    """What the defect does: the timer for the next job whose back-off ends is gone, and nobody knows of it."""
    stream_processor = _field(engine._java, "streamProcessor")
    (checker,) = [
        one
        for one in _field(stream_processor, "lifecycleAwareListeners")
        if str(one.getClass().getSimpleName()) == "JobBackoffCheckScheduler"
    ]
    planned = _field(_field(checker, "backOffDueDateChecker"), "nextExecution")
    execution = planned.get()
    _call(execution, "cancel")
    kinds = execution.getClass().getDeclaringClass().getDeclaredClasses()
    none = next(one for one in kinds if str(one.getSimpleName()) == "None")
    made = none.getDeclaredConstructor()
    made.setAccessible(True)
    planned.set(made.newInstance())


def _field(of: Any, name: str) -> Any:
    field = of.getClass().getDeclaredField(name)
    field.setAccessible(True)
    return field.get(of)


def _call(of: Any, name: str) -> None:
    method = of.getClass().getMethod(name)
    method.setAccessible(True)
    method.invoke(of)


async def yes() -> bool:
    return True


async def nobody(found: object) -> int:
    return 0


async def forgotten(trouble: Trouble) -> Job:
    """A job whose back-off is over, and which does not come again."""
    await trouble.client.start(trouble.process, {"case": "c0"})
    (job,) = await trouble.jobs(1)
    await trouble.client.fail(job.key, retries=2, message="The CRM is away.", back_off_seconds=BACK_OFF)
    await asyncio.to_thread(forget_back_offs, trouble.engine)
    await asyncio.sleep(2 * BACK_OFF)
    assert await waiting(trouble) == []
    return job


async def waiting(trouble: Trouble) -> list[Job]:
    return await trouble.client.activate(
        f"{trouble.process}.call", worker="test", timeout_seconds=60, variables=["case"], at_most=9
    )


async def read(pool: Pool, engine: EmbeddedEngine) -> None:
    """The read model takes in what the engine wrote; the rest of an hour has gone by since."""
    records = [one for one in await asyncio.to_thread(engine.records) if one["recordType"] == "EVENT"]
    async with pool.connection() as connection:
        for kind in KINDS:
            if kind.value_type != "PROCESS":
                found = [r for r in records if r["valueType"] == kind.value_type and r["intent"] in kind.intents]
                await write(connection, rows_of(kind, found))
            await connection.execute(
                "INSERT INTO control.cursors (value_type, partition, sequence, record_at, read_at)"
                " VALUES (%s, 1, 1, now(), now())",
                (kind.value_type,),
            )
        await connection.execute("UPDATE control.jobs SET waits_until = waits_until - interval '1 hour'")


async def test_what_else_was_tried_does_not_help(trouble: Trouble) -> None:
    """But for another job that fails with a back-off, which the defect's report names."""
    job = await forgotten(trouble)
    with pytest.raises(Refused):
        await trouble.client.extend(job.key, 1)
    with pytest.raises(Refused):
        await trouble.client.fail(job.key, retries=2, message="again")
    with pytest.raises(Refused):  # it takes the retries, but knows of no incident
        await trouble.client.resolve_incident(job.key, job_key=job.key, retries=3)
    assert await waiting(trouble) == []
    await trouble.client.start(trouble.process, {"case": "c1"})
    (other,) = await trouble.jobs(1)
    await trouble.client.fail(other.key, retries=2, message="The CRM is away.", back_off_seconds=0.1)
    both = await trouble.jobs(2)
    assert {one.key for one in both} == {job.key, other.key}


async def test_a_forgotten_job_is_begun_anew(dsn: str, pool: Pool, trouble: Trouble) -> None:
    await trouble.client.deploy(HEALING_RULES)
    job = await forgotten(trouble)
    await read(pool, trouble.engine)
    settings = Settings.model_validate({"database_url": dsn})
    watch, hands = Watch(pool, trouble.board, nobody), Hands(pool, trouble.board, trouble.client)
    healer = Healer(settings, pool, trouble.client, watch, hands, {"engine": yes}, settled=timedelta())

    await switch.turn(pool, Actor("ana", "To see that nothing else heals it."), on=False)
    (report,) = await healer.once()
    assert (report.rule, report.would) == ("lost-back-off", 1)
    assert await waiting(trouble) == []
    await switch.turn(pool, Actor("ana", "It is seen."), on=True)
    (report,) = await healer.once()
    assert [one.outcome for one in report.done] == ["done"]
    (entry,) = await audit.entries(pool, actor=audit.POLICY)
    assert (entry.action, entry.before["job_key"]) == ("job.renew", job.key)
    (anew,) = await trouble.jobs(1)
    assert (anew.key != job.key, anew.process_instance_key) == (True, job.process_instance_key)
    await trouble.client.complete(anew.key, "{}")

    async def done() -> bool:
        states = {one.state for one in await asyncio.to_thread(trouble.engine.elements, job.process_instance_key)}
        return "ELEMENT_COMPLETED" in states

    await eventually(done, "the instance to go on")
    await forget(pool)
    await read(pool, trouble.engine)
    assert await healer.once() == []
    assert await rows(pool, "SELECT state, attempts FROM healing.cases") == [("healed", 1)]
