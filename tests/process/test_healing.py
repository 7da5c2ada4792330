"""Self-healing on whole processes, by the rules as they are shipped: each fault stays while it is off, and is gone after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr

from tests.embedded_board import EmbeddedBoard
from tests.process.building import open_building
from tests.process.conftest import furnish
from tests.process.house import House
from workers.engine.driven import DrivenEngine
from workers.healing import switch
from workers.healing.hands import Hands
from workers.healing.healer import Healer
from workers.healing.model import Report
from workers.healing.watching import Watch
from workers.operations import audit
from workers.operations.audit import Actor
from workers.operations.dependencies import probes

BY_NOBODY = Actor("test", "To see that nothing else heals it.")


async def nobody(found: object) -> int:
    return 0


class Clinic:
    """A house in which something goes wrong, and self-healing, a round at a time."""

    def __init__(self, house: House) -> None:
        self.house = house
        board = EmbeddedBoard(house.engine, "lead_routing", "lead_id")
        self.healer = Healer(
            house.settings,
            house.pool,
            house.client,
            Watch(house.pool, board, nobody),
            Hands(house.pool, board, house.client),
            probes(house.settings, house.pool, house.client),
            settled=timedelta(),
        )

    async def round(self) -> dict[str, Report]:
        """The next round in which something may be done: if need be, an hour later, when pauses are over."""
        reports = await self.healer.once()
        if not any(one.done or one.would or one.away for one in reports):
            await self.house.rows(
                "UPDATE healing.cases SET since = since - interval '1 hour', last_at = last_at - interval '1 hour',"
                " next_at = now() WHERE ended_at IS NULL RETURNING 1"
            )
            reports = await self.healer.once()
        return {report.rule: report for report in reports}

    async def off(self) -> None:
        assert (await switch.turn(self.house.pool, BY_NOBODY, on=False)).ok

    async def on(self) -> None:
        assert (await switch.turn(self.house.pool, BY_NOBODY, on=True)).ok

    async def owner(self, lead_id: str, other_than: str = "") -> str:
        """Whose lead it is, once somebody is asked who is not `other_than`."""

        async def found() -> bool:
            state = await self.house.state(lead_id)
            return bool(state["state"] == "assigned" and state["owner_id"] != other_than)

        await self.house.until_async(found, f"an owner of {lead_id}")
        instance = await self.house.instance(lead_id)
        await self.house.until(
            lambda: self.house.engine.open_user_tasks(instance, "accept_lead"), "the owner to be asked"
        )
        return str((await self.house.state(lead_id))["owner_id"])

    async def healed(self) -> list[tuple[str, str]]:
        """The symptom and rule of each case that is over, healed."""
        await self.healer.once()
        found = await self.house.rows(
            "SELECT symptom, rule FROM healing.cases WHERE state = 'healed' ORDER BY ended_at"
        )
        return [(row["symptom"], row["rule"]) for row in found]


async def test_leads_of_owners_who_left_or_refuse_their_kind_go_to_the_next(house: House) -> None:
    clinic = Clinic(house)
    lead_id = await house.lead()
    former = await clinic.owner(lead_id)
    (other,) = {"ana", "ben"} - {former}
    await house.rows("UPDATE routing.reps SET active = false WHERE id = %s RETURNING 1", former)

    await clinic.off()
    assert (await clinic.round())["owner-left"].would == 1
    assert (await house.state(lead_id))["owner_id"] == former
    await clinic.on()
    assert [one.outcome for one in (await clinic.round())["owner-left"].done] == ["done"]
    assert await clinic.owner(lead_id, former) == other
    entry = await house.row("SELECT actor, why, facts FROM runtime.timeline WHERE action = 'rejected'")
    assert (entry["actor"], entry["why"]) == (
        "lead_routing.note_refusal", "Taken back by self-healing: the owner has left.",
    )  # fmt: skip
    assert await house.open_slots(former) == 0
    (done,) = await audit.entries(house.pool, actor=audit.POLICY)
    assert (done.actor, done.action, done.business_id) == ("policy:owner-left", "lead.reroute", lead_id)
    assert await clinic.healed() == [("owner_left", "owner-left")]

    # The other one says of three more that they are not theirs; a fourth goes on before they look at it.
    await house.complete(lead_id, "accept_lead", owner_response="reject", reject_reason="wrong_fit", reject_note="")
    for name in ("Zwei", "Drei"):
        refused = await house.lead(name=f"Uwe {name}", email=f"x@{name}.example", phone=None, company=f"{name} AG")
        await clinic.owner(refused)
        await house.complete(refused, "accept_lead", owner_response="reject", reject_reason="wrong_fit", reject_note="")
        await house.passed(refused, "note_refusal")
    fourth = await house.lead(name="Uwe Vier", email="uwe@vier.example", phone=None, company="Vier AG")
    assert await clinic.owner(fourth) == other
    await house.rows("UPDATE routing.reps SET active = true WHERE id = %s RETURNING 1", former)
    assert [one.outcome for one in (await clinic.round())["refused-by-owner"].done] == ["done"]
    assert await clinic.owner(fourth, other) == former


CRM = "healing_test_crm"
"""The CRM's own role: while it may not log in, the CRM is away, and alone."""


@pytest.fixture
def crm(postgres: str) -> Iterator[Callable[[bool], None]]:
    """Says whether the CRM is there."""

    def there(is_there: bool) -> None:
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute(f"ALTER ROLE {CRM} {'LOGIN' if is_there else 'NOLOGIN'}".encode())
            if not is_there:
                connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (CRM,))

    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {CRM} SUPERUSER LOGIN".encode())
        yield there
        connection.execute(f"DROP ROLE {CRM}".encode())


async def test_what_an_outage_of_the_crm_stopped_goes_on_when_it_is_back(
    engine: DrivenEngine, dsn: str, crm: Callable[[bool], None]
) -> None:
    crm(False)
    apart = SecretStr(make_conninfo(dsn, user=CRM))
    async with open_building(House, engine, dsn, crm_database_url=apart) as house:
        await furnish(house)
        await house.serve()
        clinic = Clinic(house)
        leads = [
            await house.lead(name=f"Lead {n}", email=f"x@firm-{n}.example", phone=None, company=f"Firm {n}")
            for n in range(2)
        ]
        await house.until(lambda: len(engine.incidents()) == len(leads), "every try to be used up")

        report = (await clinic.round())["crm-incident"]
        assert (report.away, list(report.done)) == ("crm", [])
        await clinic.off()
        crm(True)
        assert (await clinic.round())["crm-incident"].would == len(leads)
        assert len(engine.incidents()) == len(leads)
        await clinic.on()
        assert {one.business_id for one in (await clinic.round())["crm-incident"].done} == set(leads)
        for lead_id in leads:
            await clinic.owner(lead_id)
        assert await clinic.healed() == [("incident", "crm-incident")] * len(leads)
