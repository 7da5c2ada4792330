"""An installation with another CRM, working on the engine and the database of the shared stack: it is hurt, people answer
meanwhile, and afterwards it is read what became of its leads.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.stack.conftest import LocalStack, running_stack
from tests.stack.office import Office, Row, open_office
from workers.engine.errors import UnreachableError
from workers.engine.found import FoundTask
from workers.engine.supervision import Supervisor

ENGINE = {"postgres", "opensearch", "camunda", "task_door", "mail"}
PATIENCE_SECONDS = 240.0
"""A job whose back-off the engine lost (camunda/camunda#16884) is found after a minute and healed after two."""
REFUSALS = 2
"""How many leads people hand back before they take everything."""


@dataclass
class Outside:
    """The installation at work on the leads of one system."""

    office: Office
    source: str
    """Under which its leads come in."""
    refusals: int = REFUSALS
    killed: Counter[str] = field(default_factory=Counter)
    _answered: set[int] = field(default_factory=set)

    async def kill(self, program: str, meanwhile: Callable[[], None] | None = None) -> None:
        """SIGKILL, and `meanwhile` while it is away; over when the supervisor has started the program anew."""
        supervisor = Supervisor(self.office.settings.home)
        pid = supervisor.states()[program].pid
        assert pid, f"{program} does not run"
        os.kill(pid, signal.SIGKILL)
        self.killed[program] += 1
        if meanwhile is not None:
            meanwhile()

        async def another() -> bool:
            return supervisor.states()[program].pid not in {0, pid}

        await self.office.until(another, f"the supervisor to start {program} anew")

    async def leads(self) -> list[Row]:
        """All of them, each with its owner's address."""
        return await self.office.rows(
            """SELECT l.*, lower(r.email) AS email FROM routing.leads l LEFT JOIN routing.reps r ON r.id = l.owner_id
            WHERE l.source = %s""",
            self.source,
        )

    async def taken(self, number: int) -> None:
        """Wait until so many leads have come in."""

        async def there() -> bool:
            return len(await self.leads()) >= number

        await self.until(there, f"{number} leads to come in")

    async def through(self, number: int) -> None:
        """Wait until so many leads are accepted, and the CRM knows it."""

        async def there() -> bool:
            states = Counter(lead["state"] for lead in await self.leads())
            return states["accepted"] == number and not await self._waiting()

        await self.until(there, f"{number} leads to be accepted and written")

    async def until(self, answer: Callable[[], Awaitable[bool]], what: str) -> None:
        """As `Office.until`; whoever waited in vain is told how everything stands."""
        try:
            await self.office.until(answer, what, PATIENCE_SECONDS)
        except AssertionError as error:
            states = [(lead["external_id"], lead["state"], lead["owner_id"]) for lead in await self.leads()]
            stand = [await self._stand(lead) for lead in await self.leads() if lead["state"] != "accepted"]
            told = [str(error), states, await self._waiting(), await self._dead(), *stand]
            raise AssertionError("\n".join(map(str, told))) from None

    async def _stand(self, lead: Row) -> str:
        """What is known of a lead that does not go on."""
        lead_id, key = lead["lead_id"], lead["process_instance_key"]
        steps = await self.office.rows(
            """SELECT done_at AS at, task AS what, element_instance_key AS key FROM runtime.effects WHERE business_id = %s
            UNION ALL SELECT at, action || ': ' || why, element_instance_key FROM runtime.timeline WHERE business_id = %s
            ORDER BY at""",
            lead_id,
            lead_id,
        )
        told = [f"{lead_id}, instance {key}, {lead['state']} since {lead['state_at']}:"]
        told += [f"  {one['at']:%H:%M:%S.%f} {one['what']} ({one['key']})" for one in steps]
        if key is not None:
            told += map(str, await self.office.camunda.incidents(key))
            told += map(str, await self.office.camunda.user_tasks(state=None, process_instance_key=key))
            told += map(str, await self.office.rows("SELECT * FROM control.jobs WHERE instance_key = %s", key))
        deliveries = await self.office.rows("SELECT * FROM runtime.deliveries WHERE business_id = %s", lead_id)
        return "\n".join([*told, *map(str, deliveries)])

    async def answer(self) -> None:
        """People at their tasks: some hand the first leads back, then each is taken; what comes to triage is assigned."""
        while True:
            for lead in await self.leads():
                if lead["state"] in {"assigned", "triage"} and lead["process_instance_key"] is not None:
                    with contextlib.suppress(UnreachableError):
                        for task in await self.office.camunda.user_tasks(
                            process_instance_key=lead["process_instance_key"]
                        ):
                            await self._reply(task)
            await asyncio.sleep(0.5)

    async def _reply(self, task: FoundTask) -> None:
        if task.key in self._answered:
            return
        refuses = self.refusals > 0 and task.element_id == "accept_lead"
        said: dict[str, object]
        if task.element_id == "triage_lead":
            (rep,) = await self.office.rows(
                "SELECT id FROM routing.reps WHERE 'dach' = ANY(territories) ORDER BY id LIMIT 1"
            )
            said = {"triage_outcome": "assign", "chosen_owner": rep["id"], "triage_note": "known from the fair"}
        else:
            reply, why = ("reject", "no_time") if refuses else ("accept", None)
            said = {"owner_response": reply, "reject_reason": why, "reject_note": None}
        if await self.office.answer(task, **said):
            self._answered.add(task.key)
            self.refusals -= refuses

    async def placed_once(self, record_ids: Collection[str]) -> Mapping[str, Row]:
        """Look whether each record became one lead, that was routed once and is held by its owner; the leads by record."""
        leads = await self.leads()
        assert sorted(lead["external_id"] for lead in leads) == sorted(record_ids)
        ids = [lead["lead_id"] for lead in leads]
        held = await self.office.rows(
            "SELECT lead_id, rep_id FROM routing.assignments WHERE lead_id = ANY(%s) AND released_at IS NULL", ids
        )
        assert sorted((one["lead_id"], one["rep_id"]) for one in held) == sorted(
            (lead["lead_id"], lead["owner_id"]) for lead in leads
        )
        twice = await self.office.rows(
            """SELECT business_id, element_id, loop_index FROM runtime.effects WHERE business_id = ANY(%s)
            GROUP BY business_id, element_id, loop_index HAVING count(*) > 1""",
            ids,
        )
        assert twice == []
        instances = await self.office.rows(
            """SELECT business_id FROM runtime.effects WHERE business_id = ANY(%s)
            GROUP BY business_id HAVING count(DISTINCT process_instance_key) <> 1""",
            ids,
        )
        assert instances == []
        said = Counter(
            row["business_id"]
            for row in await self.office.rows(
                "SELECT business_id FROM runtime.timeline WHERE business_id = ANY(%s) AND action = 'accepted'", ids
            )
        )
        assert said == dict.fromkeys(ids, 1)
        rounds = await self.office.rows("SELECT FROM routing.assignments WHERE lead_id = ANY(%s)", ids)
        assert len(rounds) == len(ids) + REFUSALS, "people handed some back, so they were undone there"
        assert await self._waiting() == []
        assert await self._dead() == []
        return {lead["external_id"]: lead for lead in leads}

    async def _waiting(self) -> list[Row]:
        return await self._rows_of("runtime.outbox", "last_error")

    async def _dead(self) -> list[Row]:
        return await self._rows_of("runtime.dead_letters", "reason")

    async def _rows_of(self, table: str, why: str) -> list[Row]:
        """What other tests left there is none of ours."""
        return await self.office.rows(
            f"""SELECT o.channel, o.business_id, o.tries, o.{why} FROM {table} o LEFT JOIN routing.leads l
            ON l.lead_id = o.business_id WHERE l.source = %s OR o.channel IN ('hubspot.contact', 'sap.partner')""",
            self.source,
        )


@contextlib.asynccontextmanager
async def working(stack: LocalStack, home: Path, source: str, settings: Mapping[str, str]) -> AsyncIterator[Outside]:
    """Fairlead with other settings, all its processes started by `fairlead up`, with people at their tasks."""
    ours = stack.settings
    shared = {
        "ENGINE": "remote",
        "ZEEBE__ADDRESS": ours.zeebe_address,
        "ZEEBE__REST_ADDRESS": ours.camunda_url,
        "CONTROL_ROOM__RECORDS_URL": ours.records_url,  # without a read model no lost back-off is found
        "DATABASE_URL": ours.dsn,
        "MAIL__PORT": str(ours.ports.smtp),
        "LOG_FORMAT": "json",
        "WORKER__HOLD_SECONDS": "5",  # what a killed worker had taken is soon another's
    }
    environment = {f"FAIRLEAD_{name}": value for name, value in {**shared, **settings}.items()}
    with running_stack(home, "--no-sample", **environment) as beside:
        async with open_office(beside) as office, asyncio.TaskGroup() as group:
            outside = Outside(office, source)
            people = group.create_task(outside.answer())
            yield outside
            people.cancel()


def leave_to_others(stack: LocalStack) -> None:
    """Stop Fairlead's own processes of a stack for good, so that another installation has its engine to itself."""
    supervisor = Supervisor(stack.settings.home)
    own = [name for name, one in supervisor.states().items() if one.running and name not in ENGINE]
    for name in sorted(own, key=lambda name: name != "healing"):  # which would start the others again
        supervisor.stop(name)
