"""A sales organisation around an embedded engine whose open opportunities are ranked."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from tests.process.promising import Promises
from workers.engine.records import UserTask
from workers.gateway import prioritisations
from workers.opportunity_prioritisation.adapters.models import store
from workers.opportunity_prioritisation.domain.winning import NUMBERS, WinModel

ORGANISATION = "floor"


class Ranking(Promises):
    """Opportunity prioritisation: manager Mona, reps ana and ben, each with a hundred minutes a day."""

    context = process = "opportunity_prioritisation"
    business_key = "prioritisation_id"

    async def furnish(self) -> None:
        """The organisation, and five opportunities: four of ana's and one of ben's."""
        async with self.pool.connection() as connection:
            await connection.execute(
                "INSERT INTO selling.organisations (id, name, territories, minutes_a_day)"
                " VALUES (%s, 'The floor', '{dach}', 100)",
                (ORGANISATION,),
            )
        await self.deal("large", 90_000)
        await self.deal("middle", 40_000)
        await self.deal("small", 10_000)
        await self.deal("early", 50_000, stage="qualify", last_contact_days=2)
        await self.deal("bens", 20_000, owner="ben")

    async def deal(
        self,
        name: str,
        amount: float,
        *,
        owner: str = "ana",
        stage: str = "negotiate",
        last_contact_days: float = 10,
        closed: tuple[float, float] | None = None,
    ) -> None:
        """An opportunity; `closed`: so many days ago, after so many days."""
        now = self.now()
        ago, took = closed or (0, 40)
        async with self.pool.connection() as connection:
            await connection.execute(
                "INSERT INTO crm.opportunities (id, name, account_id, owner_id, stage, source, amount_eur, opened_at,"
                " stage_since, last_contact_at, contacts, decision_maker, closed_at, won)"
                " VALUES (%s, %s, %s, %s, %s, 'referral', %s, %s, %s, %s, 3, true, %s, %s)",
                (
                    name, f"Planning for {name}", name, owner, stage, amount, now - timedelta(days=ago + took),
                    now - timedelta(days=ago + took / 2), now - timedelta(days=last_contact_days + ago),
                    now - timedelta(days=ago) if closed else None, True if closed else None,
                ),
            )  # fmt: skip

    async def use_model(self) -> None:
        """A win model is in use that knows nothing but the stage."""
        zeros = dict.fromkeys(NUMBERS, 0.0)
        stages = {"qualify": -3.0, "discover": -1.0, "propose": 0.0, "negotiate": 2.0}
        model = WinModel(
            "win-test", zeros, dict.fromkeys(NUMBERS, 1.0), zeros, stages, {}, 0.0, ((0.0, 0.0), (1.0, 1.0))
        )
        async with self.pool.connection() as connection:
            await store(connection, model, {"model": model.version})

    async def rank(self) -> str:
        """A ranking is asked for, as over HTTP; returns its id once its process runs."""
        async with self.pool.connection() as connection:
            ranking, asked = await prioritisations.start(connection, ORGANISATION, actor="test", now=self.now())
        assert asked
        await self.instance(ranking)
        return ranking

    async def withdraw_ranking(self, ranking: str) -> None:
        """It is withdrawn from outside."""
        async with self.pool.connection() as connection:
            assert await prioritisations.withdraw(connection, ranking, "wrong data", actor="test", ttl_seconds=3600)

    async def lists(self, ranking: str, count: int) -> dict[str, UserTask]:
        """The open lists by rep, once there are so many."""
        instance = await self.instance(ranking)

        def found() -> list[UserTask]:
            return list(self.engine.open_user_tasks(instance, "work_through_list"))

        await self.until(lambda: len(found()) == count, f"{count} lists", instance)
        return {task.variables["rep_list"]["rep_id"]: task for task in found()}

    async def fill(self, task: UserTask, *answers: dict[str, Any]) -> None:
        """A rep completes a list as its form would."""
        given = {"list_answers": list(answers), "worked_by": task.variables["rep_list"]["assignee"]}
        await asyncio.to_thread(self.engine.complete_user_task, task.key, given)
        await self.until(
            lambda: task.key not in {one.key for one in self.engine.open_user_tasks()}, "the list to be completed"
        )

    async def in_use(self) -> list[tuple[str, str, int]]:
        """Rep, opportunity and place in the CRM, when the outbox is empty."""

        async def sent() -> bool:
            return not await self.rows("SELECT FROM runtime.outbox")

        await self.until_async(sent, "the outbox to be empty")
        rows = await self.rows("SELECT rep_id, opportunity_id, place FROM crm.ranking_in_use ORDER BY rep_id, place")
        return [(row["rep_id"], row["opportunity_id"], row["place"]) for row in rows]


def answer(row: dict[str, Any], said: str, **more: object) -> dict[str, Any]:
    """What the form sends of one row."""
    return {**row, "said": said, **more}


def deadlines(task: UserTask) -> dict[str, datetime]:
    """Those of a list."""
    return {name: datetime.fromisoformat(at) for name, at in task.variables["list_deadlines"].items()}
